"""What TensorFlow does otherwise than Python with the files it reads and writes."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator

import tensorflow as tf

from tfrecords.durable import files

# Those of the disk, which TensorFlow's errors tell by their texts alone.
_STORAGE_ERRNOS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EIO,
    errno.EACCES,
)


@contextlib.contextmanager
def literal_path(path: str) -> Iterator[str]:
    """A path that leads to the directory `path` and is no pattern for TensorFlow.

    It takes the prefix of variables' files for a pattern, so that it does not find them
    in a directory called `lr[0.01]`. Such a directory is reached by a link, which lasts
    as long as the context.
    """
    if not any(character in path for character in "*?[\\"):
        yield path
        return
    with tempfile.TemporaryDirectory() as directory:
        link = os.path.join(directory, "link")
        os.symlink(os.path.abspath(path), link)
        yield link


@contextlib.contextmanager
def storage_errors(path: str) -> Iterator[None]:
    """`files.storage_errors`, also for what TensorFlow and HDF5 raise.

    Args:
      path: what was being written, for the sentence; files in its directory, at any
        depth, belong to it.

    Raises:
      StorageError: as there. Other errors, and those of files elsewhere, pass
        unchanged.
    """
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        number = _find_errno(error, os.path.dirname(os.path.abspath(path)))
        if number is None:
            raise
        with files.storage_errors(path):
            raise OSError(number, os.strerror(number)) from error


def _find_errno(error: tf.errors.OpError | OSError, directory: str) -> int | None:
    if isinstance(error, OSError) and error.errno:
        name = error.filename
        is_elsewhere = (
            isinstance(name, str)
            and os.path.commonpath([directory, os.path.abspath(name)]) != directory
        )
        return None if is_elsewhere else error.errno
    text = str(error)
    return next((n for n in _STORAGE_ERRNOS if os.strerror(n) in text), None)
