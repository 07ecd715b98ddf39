"""A command's standard streams, which survive the loss of what is written.

A reader may go away, a terminal close, the disk behind `> log` be full. If the result
of a command is elsewhere (shards, checkpoints, an exit code), what cannot be written is
dropped. If the output is the result, losing it ends the command. All writing to both
streams passes through here, including Python's own flush at exit.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import stat
import sys
from typing import Any, BinaryIO, TextIO, cast

from tfrecords import errors

_READER_GONE = (errno.EPIPE, errno.ECONNRESET)


class ReaderGoneError(BaseException):
    """The output is the result and its reader has left: there is nothing left to do."""


class _Stream(io.RawIOBase):
    """Writes to a descriptor.

    If it `is_work`, losing output is an error; otherwise what cannot be written is
    dropped silently.
    """

    def __init__(self, descriptor: int):
        super().__init__()
        self._descriptor = descriptor
        self._is_lost = False
        self.is_work = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """Writes or drops all of `data`; returns its length in bytes.

        Raises:
          ReaderGoneError: if the output is the result and its reader has left.
          StorageError: if it is the result and cannot be written. Either is raised
            once; later output is dropped.
        """
        view = memoryview(data).cast("B")
        length = len(view)
        # After a loss nothing more is written.
        while len(view) and not (self.is_work and self._is_lost):
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                # Somebody made the pipe non-blocking.
                select.select([], [self._descriptor], [])
            except OSError as error:
                self._is_lost = True
                if not self.is_work:
                    break
                if self._has_reader_left(error):
                    raise ReaderGoneError from error
                raise errors.StorageError(
                    f"the output could not be written: {error.strerror}. What was "
                    "printed is incomplete; correct that and run the same command "
                    "again."
                ) from error
        return length

    def _has_reader_left(self, error: OSError) -> bool:
        if error.errno in _READER_GONE:
            return True
        # A closed terminal reports the same error as a failing disk.
        is_device = stat.S_ISCHR(os.fstat(self._descriptor).st_mode)
        return error.errno == errno.EIO and is_device


def take_streams() -> None:
    """Replaces the process's standard streams by ones that survive a loss.

    A standard stream that the caller has closed (`2>&-`) is opened on the null device:
    otherwise the next file opened would get its number, and with it whatever a C
    library writes to that number. Streams that the program has replaced are left alone.
    """
    for number in (0, 1, 2):
        _open_if_closed(number)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _wrap(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _wrap(sys.stderr, 2)


def set_output_is_work(is_work: bool) -> None:
    """Sets whether losing standard output is an error; by default it is not."""
    buffer = getattr(sys.stdout, "buffer", None)
    if isinstance(buffer, _Stream):
        buffer.is_work = is_work


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        # Without a null device nothing can be done.
        with contextlib.suppress(OSError):
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.set_inheritable(number, True)


def _wrap(stream: TextIO | None, number: int) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        # Python found it closed; its number may belong to another file now.
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    return io.TextIOWrapper(
        cast(BinaryIO, _Stream(number)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
