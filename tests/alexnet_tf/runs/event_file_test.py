"""Files for TensorBoard: TensorFlow's own events, and none lost silently."""

import os
import pathlib
import resource
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.runs import event_file
from tfrecords import errors
from tfrecords.shards import record_file

IMAGE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def read(directory):
    """The events of the only file, without the clock."""
    (path,) = pathlib.Path(directory).iterdir()
    events = []
    for _, data in record_file.scan(str(path)):
        event = tf.compat.v1.Event.FromString(data)
        assert event.wall_time > 1.7e9
        event.ClearField("wall_time")
        event.ClearField("source_metadata")
        events.append(event)
    return events


def test_the_events_are_those_of_tensorflows_writer(tmp_path):
    @tf.function
    def add(x):
        return x + 1

    graph = add.get_concrete_function(tf.constant(1.0)).graph
    writer = tf.summary.create_file_writer(str(tmp_path / "theirs"))
    with writer.as_default(step=3):
        tf.summary.scalar("group/loss", 0.25)
        tf.summary.image("kernels", IMAGE[np.newaxis])
        tf.summary.text("settings", "a = 1")
    with writer.as_default(step=0):
        tf.summary.graph(graph)
    writer.close()
    file = event_file.EventFile(str(tmp_path / "ours"))
    for value in (
        event_file.make_scalar("group/loss", 0.25),
        event_file.make_image("kernels", IMAGE),
        event_file.make_text("settings", "a = 1"),
    ):
        file.append_summary(3, [value])
    file.append_graph(graph)
    theirs, ours = read(tmp_path / "theirs"), read(tmp_path / "ours")
    assert len(ours) == len(theirs) == 5
    for one, other in zip(ours, theirs, strict=True):
        assert (one.step, one.file_version) == (other.step, other.file_version)
        assert one.WhichOneof("what") == other.WhichOneof("what")
        if one.WhichOneof("what") == "graph_def":
            definitions = [
                tf.compat.v1.GraphDef.FromString(e.graph_def) for e in (one, other)
            ]
            assert definitions[0].node == definitions[1].node
        for mine, reference in zip(one.summary.value, other.summary.value, strict=True):
            assert (mine.tag, mine.metadata) == (reference.tag, reference.metadata)
            np.testing.assert_array_equal(
                tf.make_ndarray(mine.tensor), tf.make_ndarray(reference.tensor)
            )


def test_nothing_written_is_no_file_and_two_files_are_two(tmp_path):
    first, second = (event_file.EventFile(str(tmp_path / "a"), ".x") for _ in range(2))
    assert not (tmp_path / "a").exists()
    for file in (first, second, first):
        file.append_summary(1, [event_file.make_scalar("loss", 1)])
    names = sorted(os.listdir(tmp_path / "a"))
    assert len(names) == 2
    assert all(n.startswith("events.out.tfevents.") for n in names)
    assert all(n.endswith(".x") for n in names)


def test_a_full_disk_is_reported(tmp_path):
    """A file size limit of 5,000 bytes, which fails like a full disk."""
    file = event_file.EventFile(str(tmp_path))
    file.append_summary(1, [event_file.make_text("t", "x" * 3000)])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
        with pytest.raises(
            errors.StorageError, match=r"tfevents.* could not"
        ) as raised:
            file.append_summary(2, [event_file.make_text("t", "x" * 3000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert raised.value.exit_code == 4


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
