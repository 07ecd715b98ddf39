"""Iterates over data sets and turns their failures into clear errors.

Use `iterate`, not `iter`: it also lets the process exit while batches are still being
prepared.
"""

from __future__ import annotations

import atexit
import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from alexnet_tf.data import batch_reader
from alexnet_tf.data.directory import DataDirectory


@contextlib.contextmanager
def translate_errors(data: DataDirectory) -> Iterator[None]:
    """Translates TensorFlow's errors from damaged records; wraps the reading of `data`.

    Raises:
      DataError: naming the shard, the record and the reason.
      StorageError: if the disk fails.
      tf.errors.OpError: unchanged, if no record caused it.
    """
    try:
        yield
    except batch_reader.FAILURES as error:
        if (explanation := data.explain_failure()) is not None:
            raise explanation from error
        raise


def iterate(data: DataDirectory, dataset: tf.data.Dataset) -> Iterator[Any]:
    """Yields the elements of a data set of `data`; raises as `translate_errors`."""
    elements = _iterate(data, dataset)
    _under_way.add(elements)
    return elements


def _iterate(data: DataDirectory, dataset: tf.data.Dataset) -> Iterator[Any]:
    iterator = iter(dataset)
    while True:
        with translate_errors(data):
            batch = next(iterator, None)
        if batch is None:
            return
        yield batch


_under_way: weakref.WeakSet[Any] = weakref.WeakSet()


@atexit.register
def _end_iterations() -> None:
    # A tf.data thread that calls into Python during shutdown would block forever, and
    # the process with it.
    for elements in list(_under_way):
        elements.close()
