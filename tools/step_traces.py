"""What TensorFlow's profiler records of a training step, read back."""

from __future__ import annotations

import glob
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Event(NamedTuple):
    """One event of a trace, from start to end in milliseconds, from any time on.

    An operation's name is with its type, "alexnet/conv1a/Conv2D:Conv2D".
    """

    name: str
    start: float
    end: float


def record(call: Callable[[], object]) -> bytes:
    """The trace (`*.xplane.pb`) of a call, which must wait for its result."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        call()
        tf.profiler.experimental.stop()
        pattern = os.path.join(folder, "plugins", "profile", "*", "*.xplane.pb")
        paths = glob.glob(pattern)
        return b"".join(pathlib.Path(path).read_bytes() for path in paths)


def read_events(trace: bytes) -> Iterator[Event]:
    """The events of a trace: operations, and TensorFlow's own bookkeeping."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    for plane in xplane_pb2.XSpace.FromString(trace).planes:
        for line in plane.lines:
            for event in line.events:
                start = line.timestamp_ns / 1e6 + event.offset_ps / 1e9
                yield Event(
                    plane.event_metadata[event.metadata_id].name,
                    start,
                    start + event.duration_ps / 1e9,
                )
