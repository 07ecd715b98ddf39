"""Size limits for untrusted weight files, checked before allocating memory."""

from __future__ import annotations

import contextlib
import math
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence

import numpy as np

from tfrecords import errors, limits
from tfrecords.durable import files

# Sixteen times the paper's network in float32, plus anything else in the file.
MAX_BYTES = 4 << 30
MAX_ARRAYS = 10_000
# A file that unpacks to more than this, and to more than this many times its size, was
# made to exhaust memory: weights are noise, which compresses badly.
MAX_UNPACKED_BYTES = 512 << 20
MAX_RATIO = 100


class Budget:
    """The memory budget for all arrays of the file at `path`."""

    def __init__(self, path: str):
        self._path = path
        self._num_bytes = self._num_arrays = 0

    def spend(self, name: str, shape: Sequence[int], itemsize: int) -> None:
        """Adds an array that is about to be read.

        Raises `DataError` beyond 4 GiB, or far beyond the file's own size.
        """
        self._num_bytes += math.prod(map(int, shape)) * max(itemsize, 4)
        self._num_arrays += 1
        if self._num_bytes > MAX_BYTES or self._num_arrays > MAX_ARRAYS:
            raise errors.DataError(
                f"{self._path} holds more than {MAX_ARRAYS:,} arrays or "
                f"{MAX_BYTES >> 30} GiB (at {name}, of shape {list(shape)}). It is not "
                "an AlexNet, or was made to exhaust memory. Give another file."
            )
        _check_ratio(self._path, self._num_bytes)


def _check_ratio(path: str, num_bytes: int) -> None:
    """Raises `DataError` if a file unpacks to implausibly many bytes."""
    size = os.path.getsize(path)
    if num_bytes > max(MAX_UNPACKED_BYTES, MAX_RATIO * size):
        raise errors.DataError(
            f"{path} has {size:,} bytes and unpacks to {num_bytes:,}, more than "
            f"{MAX_RATIO} times as many; weights do not compress that well. It was "
            "made to exhaust memory, or is not a trained network. Give another file."
        )


def check_file(path: str) -> None:
    """Raises `UserError` if `path` is not a file, `DataError` if it is too large."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise errors.UserError(
            f"{path} cannot be read: {error.strerror}. Give a weights file."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise errors.UserError(f"{path} is not a file. Give a weights file.")
    if status.st_size > MAX_BYTES:
        raise errors.DataError(
            f"{path} has {status.st_size:,} bytes, more than the limit of "
            f"{MAX_BYTES >> 30} GiB. Give a file of one network's weights."
        )


def read_file(path: str) -> bytes:
    """Reads the whole file; raises like `check_file`."""
    check_file(path)
    with files.read_errors(path), open(path, "rb") as file:
        return file.read()


def check_archive(path: str, archive: zipfile.ZipFile) -> None:
    """Raises `DataError` if a zip archive is too large unpacked or has unsafe paths."""
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    if total > MAX_BYTES or len(members) > MAX_ARRAYS:
        raise errors.DataError(
            f"{path} would unpack to {total:,} bytes in {len(members):,} members, more "
            f"than the limit of {MAX_BYTES >> 30} GiB in {MAX_ARRAYS:,}. Give a file "
            "of one network's weights."
        )
    _check_ratio(path, total)
    for member in members:
        # We extract nothing, but such a name is an attack on programs that do.
        if re.match(r"/|[A-Za-z]:", member.filename) or ".." in re.split(
            r"[/\\]", member.filename
        ):
            raise errors.DataError(
                f"{path} holds {member.filename!r}, a path outside the archive. Do not "
                "unpack it; get the weights from another source."
            )


def to_float32(path: str, name: str, array: np.ndarray) -> np.ndarray:
    """Converts weights to float32, native and contiguous.

    float16 becomes float32 exactly, float64 is rounded. Raises `DataError` if the array
    is not floating-point or not finite.
    """
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise errors.DataError(
            f"{path}: {name} holds {array.dtype}, not floating-point numbers of 16, 32 "
            "or 64 bits. Convert quantized weights back to floating point first."
        )
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(result).all():
        raise errors.DataError(
            f"{path}: {name} holds a number that is not finite. The file is damaged, "
            "or its training failed. Give another file."
        )
    return result.reshape(array.shape)


@contextlib.contextmanager
def explain_errors(path: str, what: str) -> Iterator[None]:
    """Turns any error of reading the file as `what` into that of `make_error`."""
    try:
        yield
    except errors.UserError:
        raise
    except Exception as error:  # the libraries raise a dozen types on a bad file
        raise make_error(path, what, error) from error


def make_error(path: str, what: str, reason: object) -> errors.DataError:
    """Makes a `DataError` for a file that could not be read as `what` ("a .npy file").

    The reason is a phrase, or the exception from reading it. Raises `UserError` if no
    more files could be opened.
    """
    # A MemoryError may be due to a forged length.
    if isinstance(reason, OSError):
        limits.refuse(reason)
    text = str(reason).strip().splitlines() or [type(reason).__name__]
    return errors.DataError(
        f"{path} is damaged or is not {what} ({text[0][:200]}). Download it again, or "
        "give its format with --format."
    )
