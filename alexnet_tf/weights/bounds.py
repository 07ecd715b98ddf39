"""What a file of somebody else's may hold, checked before memory is taken for it."""

from __future__ import annotations

import math
import os
import re
import stat
import zipfile
from collections.abc import Sequence

import numpy as np

from tfrecords import errors, limits
from tfrecords.durable import files

# Sixteen times the paper's network in float32, and whatever else a file may bring.
MAX_BYTES = 4 << 30
MAX_ARRAYS = 10_000
# What unpacks to more than this, and to more than so many times the file, was made to
# fill the memory: weights are noise, which packs badly.
MAX_UNPACKED_BYTES = 512 << 20
MAX_RATIO = 100


class Budget:
    """What the arrays of one file may take together.

    Args:
      path: of the file, for the sentences.
    """

    def __init__(self, path: str):
        self._path = path
        self._num_bytes = self._num_arrays = 0

    def spend(self, name: str, shape: Sequence[int], itemsize: int) -> None:
        """Counts an array that is about to be read.

        Raises:
          DataError: beyond 4 GiB, or far beyond the file's own size.
        """
        self._num_bytes += math.prod(map(int, shape)) * max(itemsize, 4)
        self._num_arrays += 1
        if self._num_bytes > MAX_BYTES or self._num_arrays > MAX_ARRAYS:
            raise errors.DataError(
                f"{self._path} holds more than {MAX_ARRAYS:,} arrays or "
                f"{MAX_BYTES >> 30} GiB (at {name}, of shape {list(shape)}): this is "
                "no AlexNet, or made to fill the memory. Give another file."
            )
        _check_ratio(self._path, self._num_bytes)


def _check_ratio(path: str, num_bytes: int) -> None:
    """Raises `DataError` where a file unpacks to far more than it can be worth."""
    size = os.path.getsize(path)
    if num_bytes > max(MAX_UNPACKED_BYTES, MAX_RATIO * size):
        raise errors.DataError(
            f"{path} has {size:,} bytes and unpacks to {num_bytes:,}, more than "
            f"{MAX_RATIO} times as many: weights do not pack so well. It was made to "
            "fill the memory, or holds no trained network. Give another file."
        )


def check_file(path: str) -> None:
    """Raises `UserError` where `path` is no file, `DataError` where it is too large."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise errors.UserError(
            f"{path} cannot be read: {error.strerror}. Name a file of weights."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise errors.UserError(f"{path} is no file. Name a file of weights.")
    if status.st_size > MAX_BYTES:
        raise errors.DataError(
            f"{path} has {status.st_size:,} bytes, more than the {MAX_BYTES >> 30} GiB "
            "that are read. Give a file of one network's weights."
        )


def read_file(path: str) -> bytes:
    """The whole file; raises like `check_file`."""
    check_file(path)
    with files.read_errors(path), open(path, "rb") as file:
        return file.read()


def check_archive(path: str, archive: zipfile.ZipFile) -> None:
    """Raises `DataError` where a zip archive would grow too large, or leads outside."""
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    if total > MAX_BYTES or len(members) > MAX_ARRAYS:
        raise errors.DataError(
            f"{path} would be {total:,} bytes in {len(members):,} members unpacked, "
            f"more than the {MAX_BYTES >> 30} GiB in {MAX_ARRAYS:,} that are read. "
            "Give a file of one network's weights."
        )
    _check_ratio(path, total)
    for member in members:
        # The reader extracts nothing; such a name shows that others are meant to.
        if re.match(r"/|[A-Za-z]:", member.filename) or ".." in re.split(
            r"[/\\]", member.filename
        ):
            raise errors.DataError(
                f"{path} holds {member.filename!r}, a path that leads out of the "
                "archive. Do not unpack it; get the weights from elsewhere."
            )


def to_float32(path: str, name: str, array: np.ndarray) -> np.ndarray:
    """An array of weights as float32, native and contiguous.

    float16 becomes float32 exactly, float64 is rounded.

    Raises:
      DataError: where it holds no floating-point numbers, or one that is not finite.
    """
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise errors.DataError(
            f"{path}: {name} holds {array.dtype}, not floating-point numbers of 16, 32 "
            "or 64 bits. Weights that were made integers have to be made numbers again "
            "where that was done."
        )
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(result).all():
        raise errors.DataError(
            f"{path}: {name} holds a number that is not finite. The file is damaged, "
            "or its training failed. Give another."
        )
    return result.reshape(array.shape)


def make_error(path: str, what: str, reason: object) -> errors.DataError:
    """A `DataError` for a file that could not be read as `what` ("a .npy file").

    Args:
      path: of the file.
      what: its format.
      reason: a phrase, or the exception that reading it has raised.

    Raises:
      UserError: where no more files could be opened.
    """
    # A MemoryError may come from a forged length.
    if isinstance(reason, OSError):
        limits.refuse(reason)
    text = str(reason).strip().splitlines() or [type(reason).__name__]
    return errors.DataError(
        f"{path} is damaged or is not {what} ({text[0][:200]}). Get it again, or name "
        "its format with --format."
    )
