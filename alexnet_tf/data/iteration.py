"""Elements out of a data set, and sentences where they fail.

Take them by `iterate`, not by `iter`: it also lets the process end while batches are
still being made.
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
    """Turns what a damaged record made TensorFlow raise into a sentence.

    Wrap whatever takes elements from data sets made of `data`.

    Raises:
      DataError: naming the shard, the record and the reason.
      StorageError: where the disk fails.
      tf.errors.OpError: unchanged, where no record is at fault.
    """
    try:
        yield
    except batch_reader.FAILURES as error:
        if (explanation := data.explain_failure()) is not None:
            raise explanation from error
        raise


def iterate(data: DataDirectory, dataset: tf.data.Dataset) -> Iterator[Any]:
    """The elements of a data set made of `data`; raises as `translate_errors`."""
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
    # A thread of tf.data that asks for a batch's records while Python shuts down waits
    # for ever, and the process with it.
    for elements in list(_under_way):
        elements.close()
