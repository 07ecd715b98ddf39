"""A command's standard streams, where what is written may be lost.

A reader goes away, a terminal closes, the disk behind `> log` is full. For a command
whose work lies elsewhere, in shards, checkpoints or an exit code, that must not matter:
what cannot be written is dropped. Where the output is the work itself, its loss ends
the command. All writing to both streams comes through here, Python's own flush at the
end of the process too.
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
    """The reader of an output that is the work has left: there is no more to do."""


class _Stream(io.RawIOBase):
    """Writes to a descriptor; `is_work` says whether a loss is an error.

    Attributes:
      is_work: False: what cannot be written is dropped in silence.
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
          ReaderGoneError: where the output is the work and its reader has left.
          StorageError: where it is the work and cannot be written. Either is raised
            once; what follows is dropped.
        """
        view = memoryview(data).cast("B")
        length = len(view)
        # An output that lacks a part is not continued.
        while len(view) and not (self.is_work and self._is_lost):
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                # A pipe that somebody has set to not block.
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
        # A terminal that was closed answers like a failing disk.
        is_device = stat.S_ISCHR(os.fstat(self._descriptor).st_mode)
        return error.errno == errno.EIO and is_device


def take_streams() -> None:
    """Puts streams that survive a loss in the place of the process's own.

    A standard stream that the caller has closed (`2>&-`) is opened on the null device:
    the next file opened would else get its number, and what others write to that
    number, a library of C code for example. Streams that the program has replaced are
    left alone.
    """
    for number in (0, 1, 2):
        _open_if_closed(number)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _wrap(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _wrap(sys.stderr, 2)


def set_output_is_work(is_work: bool) -> None:
    """Says whether losing a part of standard output is an error; without: it is not."""
    buffer = getattr(sys.stdout, "buffer", None)
    if isinstance(buffer, _Stream):
        buffer.is_work = is_work


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        # Without a null device there is nothing to be done.
        with contextlib.suppress(OSError):
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.set_inheritable(number, True)


def _wrap(stream: TextIO | None, number: int) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        # Python found it closed. Whatever has that number now is not for our text.
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    return io.TextIOWrapper(
        cast(BinaryIO, _Stream(number)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
