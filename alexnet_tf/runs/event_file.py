"""A TensorBoard event file that reports write errors.

TensorFlow's writer reports nothing when a full disk truncates its output. The format is
the same: a TFRecord file of Event messages.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfrecords.durable import files
from tfrecords.shards import record_file

_VERSION = "brain.Event:2"
_NUMBERS = itertools.count()


class EventFile:
    """Appends messages to a new file; each call passes them to the operating system."""

    def __init__(self, directory: str, suffix: str = ""):
        # TensorBoard reads a directory's files in the order of their names.
        name = f"{int(time.time())}.{os.getpid()}.{next(_NUMBERS)}.v2{suffix}"
        self._path = os.path.join(directory, f"events.out.tfevents.{name}")

    def append_summary(
        self, step: int, values: Sequence[tf.compat.v1.Summary.Value]
    ) -> None:
        """Appends an event with these values; raises `StorageError`."""
        self._append(step=step, summary=tf.compat.v1.Summary(value=values))

    def append_graph(self, graph: tf.Graph) -> None:
        """Appends a graph with its shapes; raises `StorageError`."""
        definition = graph.as_graph_def(add_shapes=True)
        self._append(graph_def=definition.SerializeToString())

    def _append(self, **fields: Any) -> None:
        events = [tf.compat.v1.Event(wall_time=time.time(), **fields)]
        if not os.path.exists(self._path):
            files.make_directory(os.path.dirname(self._path))
            first = tf.compat.v1.Event(wall_time=time.time(), file_version=_VERSION)
            events.insert(0, first)
        data = b"".join(record_file.frame(e.SerializeToString()) for e in events)
        with files.storage_errors(self._path), open(self._path, "ab") as file:
            file.write(data)


def make_scalar(tag: str, value: float) -> tf.compat.v1.Summary.Value:
    """A point of the curve `tag`."""
    return _make_value(tag, "scalars", tf.make_tensor_proto(float(value), tf.float32))


def make_text(tag: str, text: str) -> tf.compat.v1.Summary.Value:
    """A text, in Markdown."""
    return _make_value(tag, "text", tf.make_tensor_proto(text.encode(), tf.string))


def make_image(tag: str, image: Any) -> tf.compat.v1.Summary.Value:
    """An image, uint8 [height, width, 3]."""
    height, width, _ = image.shape
    encoded = tf.io.encode_png(image).numpy()
    content = [str(width).encode(), str(height).encode(), encoded]
    return _make_value(tag, "images", tf.make_tensor_proto(content, tf.string))


def _make_value(tag: str, plugin: str, tensor: Any) -> tf.compat.v1.Summary.Value:
    """A value for the TensorBoard plugin of that name."""
    plugin_data = tf.compat.v1.SummaryMetadata.PluginData(plugin_name=plugin)
    metadata = tf.compat.v1.SummaryMetadata(plugin_data=plugin_data)
    return tf.compat.v1.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
