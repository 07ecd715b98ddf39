import sys

import pytest

from tools import step_traces


def test_events_have_names_and_times():
    pytest.importorskip("tensorflow")
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    plane = space.planes.add()
    plane.event_metadata[7].name = "alexnet/conv1a/Conv2D:Conv2D"
    line = plane.lines.add(timestamp_ns=3_000_000)
    line.events.add(metadata_id=7, offset_ps=2 * 10**9, duration_ps=5 * 10**8)
    assert list(step_traces.read_events(space.SerializeToString())) == [
        ("alexnet/conv1a/Conv2D:Conv2D", 5.0, 5.5)
    ]


def test_a_call_is_recorded():
    tf = pytest.importorskip("tensorflow")
    multiply = tf.function(lambda x: tf.matmul(x, x, name="squared"))
    x = tf.ones([64, 64])
    multiply(x)
    trace = step_traces.record(lambda: multiply(x).numpy())
    squared = [e for e in step_traces.read_events(trace) if "squared:" in e.name]
    assert squared and all(event.end > event.start for event in squared)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
