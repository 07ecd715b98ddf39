"""Reads records by their number in a split."""

from __future__ import annotations

import collections
import io
import threading
from typing import Any

import numpy as np

from tfrecords import errors, limits
from tfrecords.shards import record_file, record_index

# More than an ordinary data directory has shards. At most a quarter of the process's
# descriptors are used: two splits are read at a time, and there are other files.
MAX_OPEN_SHARDS = 256


class RecordReader:
    """Random access to the records of `index`; safe to use from several threads.

    Shards are opened when first read. The least recently used one is closed when more
    than `MAX_OPEN_SHARDS` would be open, or fewer if the process may open few files.
    """

    def __init__(self, index: record_index.RecordIndex):
        self.index = index
        self._files: collections.OrderedDict[str, io.FileIO] = collections.OrderedDict()
        self._max_open = max(1, min(MAX_OPEN_SHARDS, limits.count_open_files() // 4))
        self._lock = threading.Lock()

    def read(self, record_id: int) -> bytes:
        """Reads record `record_id`, 0..num_records-1, checking length and checksums.

        If the index has checksums, another record in its place is noticed too.

        Raises:
          DataError: naming the shard, and the byte offset of a record that is damaged
            or not the one expected.
          StorageError: if the disk fails.
        """
        data: bytes = self._read(record_id, None)
        return data

    def read_into(self, record_id: int, buffer: np.ndarray) -> np.ndarray:
        """`read` into the start of `buffer`, uint8 [n] with room; returns that part."""
        data: np.ndarray = self._read(record_id, buffer)
        return data

    def _read(self, record_id: int, buffer: np.ndarray | None) -> Any:
        path = self.index.paths[self.index.shard[record_id]]
        offset = int(self.index.offset[record_id])
        length = int(self.index.length[record_id])
        checksums = self.index.checksum
        checksum = None if checksums is None else int(checksums[record_id])
        with self._lock:
            file = self._open(path)
            try:
                return record_file.read_record(
                    file.fileno(),
                    path,
                    offset,
                    length,
                    buffer=buffer,
                    checksum=checksum,
                )
            except OSError as error:
                limits.refuse(error)
                raise errors.StorageError(
                    f"{path}: reading the record at byte {offset} failed "
                    f"({error.strerror}). Check the disk, then start again."
                ) from error

    def describe(self, record_id: int) -> str:
        """A record's shard and byte offset, for an error message."""
        path = self.index.paths[self.index.shard[record_id]]
        return f"{path}: the record at byte {int(self.index.offset[record_id])}"

    def _open(self, path: str) -> io.FileIO:
        if path in self._files:
            self._files.move_to_end(path)
            return self._files[path]
        if len(self._files) >= self._max_open:
            self._files.popitem(last=False)[1].close()
        try:
            file = self._open_file(path)
        except OSError as error:
            limits.refuse(error)
            raise errors.DataError(
                f"the shard {path} is missing or unreadable ({error.strerror}). "
                "Restore it from a copy or convert again."
            ) from error
        self._files[path] = file
        return file

    def _open_file(self, path: str) -> io.FileIO:
        try:
            return io.FileIO(path)
        except OSError as error:
            if not self._files or not limits.is_out_of_files(error):
                raise
        # Other files need descriptors too; these shards can be opened again.
        self._close_all()
        return io.FileIO(path)

    def _close_all(self) -> None:
        while self._files:
            self._files.popitem()[1].close()

    def close(self) -> None:
        """Closes the shards; a later read opens them again."""
        with self._lock:
            self._close_all()
