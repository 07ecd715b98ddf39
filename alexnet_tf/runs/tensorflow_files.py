"""Makes TensorFlow treat paths and file errors as Python does."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

import tensorflow as tf

from tfrecords.durable import files

# For links if the temporary directory's own path is a pattern.
_LITERAL_TEMP = "/tmp"


@contextlib.contextmanager
def literal_path(path: str) -> Iterator[str]:
    """A path to the directory `path` that TensorFlow does not expand as a pattern.

    TensorFlow treats the prefix of variable files as a glob pattern, so it finds none
    in a directory named `lr[0.01]`. For such a directory, the context creates a
    temporary link.
    """
    if not _has_pattern(path):
        yield path
        return
    # It may be named after an array's job, which PBS calls 1234[3].
    base = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(
        dir=_LITERAL_TEMP if _has_pattern(base) else base
    ) as directory:
        link = os.path.join(directory, "link")
        os.symlink(os.path.abspath(path), link)
        yield link


def _has_pattern(path: str) -> bool:
    return any(character in path for character in "*?[\\")


@contextlib.contextmanager
def storage_errors(path: str) -> Iterator[None]:
    """Like `files.storage_errors`, also for exceptions of TensorFlow and HDF5.

    Files in the directory of `path`, at any depth, count as part of it. Raises
    `StorageError` as `files.storage_errors`. Other errors, and those of files
    elsewhere, pass through unchanged.
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
    return files.find_storage_errno(str(error))
