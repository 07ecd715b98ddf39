"""Reads an archive's headers and, in the same pass, its MD5 sum."""

from __future__ import annotations

import hashlib
import os

from tfrecords import errors
from tfrecords.console import progress
from tfrecords.durable import files

_MEGABYTE = 1_000_000
_HEADER_READ_BYTES = 4096


class ArchiveReader:
    """A `tar_headers.ByteReader` of a file on disk, with progress in megabytes.

    With the MD5 sum, the file is read once from start to end, and offsets must
    increase; without it, only what is requested is read.

    Raises:
      DataError: if there is no such file, or it becomes shorter while it is read.
      StorageError: if it cannot be read.
    """

    def __init__(self, path: str, *, compute_md5: bool):
        self.path = path
        with files.read_errors(path):
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.num_bytes = os.fstat(self._descriptor).st_size
        self._md5 = hashlib.md5(usedforsecurity=False) if compute_md5 else None
        self._block_start, self._block = 0, b""
        self._progress = progress.Progress(
            f"reading {os.path.basename(path)}", -(-self.num_bytes // _MEGABYTE), "MB"
        )

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.close()
        os.close(self._descriptor)

    def read_at(self, offset: int, count: int) -> bytes:
        """The `count` bytes from `offset`, fewer only at the end."""
        end = min(offset + count, self.num_bytes)
        block_end = self._block_start + len(self._block)
        if not self._block_start <= offset <= end <= block_end:
            if self._md5 is None:
                wanted = max(end - offset, _HEADER_READ_BYTES)
                self._block = self._pread(offset, wanted)
                self._block_start = offset
            else:
                self._read_through(offset, end)
            self._show_progress()
        start = offset - self._block_start
        return self._block[start : start + count]

    def finish(self) -> str | None:
        """Reads the rest; returns the file's MD5 sum in hexadecimal, or None."""
        if self._md5 is None:
            return None
        self._read_through(self.num_bytes, self.num_bytes)
        return self._md5.hexdigest()

    def _read_through(self, offset: int, end: int) -> None:
        """Hashes everything up to `end`; the block then holds `offset` to `end`."""
        assert self._md5 is not None
        if offset < self._block_start:
            raise ValueError(f"byte {offset} was passed; offsets must increase")
        while (block_end := self._block_start + len(self._block)) < end:
            data = self._pread(block_end, _MEGABYTE)
            self._md5.update(data)
            kept = self._block[offset - self._block_start :]
            self._block_start, self._block = block_end - len(kept), kept + data
            self._show_progress()

    def _pread(self, offset: int, count: int) -> bytes:
        """Bytes from `offset`: `count`, or those up to the file's end."""
        missing = min(count, self.num_bytes - offset)
        pieces = []
        while missing > 0:
            with files.read_errors(self.path):
                piece = os.pread(self._descriptor, missing, offset)
            if not piece:
                raise errors.DataError(
                    f"{self.path} became shorter while it was read: it had "
                    f"{self.num_bytes:,} bytes and now ends at byte {offset}. Wait "
                    "until it is completely written, and run the same command again."
                )
            pieces.append(piece)
            offset += len(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _show_progress(self) -> None:
        done = -(-(self._block_start + len(self._block)) // _MEGABYTE)
        self._progress.advance(max(0, done - self._progress.done))
