"""Reads records by their number in a split, wherever they lie."""

from __future__ import annotations

import collections
import io
import threading
from typing import Any

import numpy as np

from tfrecords import (
    errors,
    record_file,
    record_index,
)

# Far below the usual limit of 1,024 descriptors per process, which shards share with
# everything else; above the number of shards of an ordinary data directory.
MAX_OPEN_SHARDS = 256


class RecordReader:
    """Random access to the records of a split; safe to use from several threads.

    Shards are opened when first read; the longest unused is closed when more than
    `MAX_OPEN_SHARDS` would be open.

    Attributes:
      index: where the records lie.
    """

    def __init__(self, index: record_index.RecordIndex):
        self.index = index
        self._files: collections.OrderedDict[str, io.FileIO] = collections.OrderedDict()
        self._lock = threading.Lock()

    def read(self, record_id: int) -> bytes:
        """Reads record `record_id`, 0..num_records-1, checking length and checksums.

        That it is this record and no other is checked where the index has checksums.

        Raises:
          DataError: naming the shard, and the byte offset of a record that is damaged
            or another one.
          StorageError: where the disk fails.
        """
        return self._read(record_id, None)

    def read_into(self, record_id: int, buffer: np.ndarray) -> np.ndarray:
        """`read` without new memory.

        Args:
          record_id: the record's number.
          buffer: uint8 [n], n at least the record's length.

        Returns:
          Its data: the start of `buffer`.
        """
        return self._read(record_id, buffer)

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
                raise errors.StorageError(
                    f"{path}: reading the record at byte {offset} failed "
                    f"({error.strerror}). Check the disk, then start again."
                ) from error

    def describe(self, record_id: int) -> str:
        """Where a record lies, for a sentence: its shard and byte offset."""
        path = self.index.paths[self.index.shard[record_id]]
        return f"{path}: the record at byte {int(self.index.offset[record_id])}"

    def _open(self, path: str) -> io.FileIO:
        if path in self._files:
            self._files.move_to_end(path)
            return self._files[path]
        try:
            file = io.FileIO(path)
        except OSError as error:
            raise errors.DataError(
                f"the shard {path} is missing or unreadable ({error.strerror}). "
                "Restore it from a copy or convert again."
            ) from error
        if len(self._files) >= MAX_OPEN_SHARDS:
            self._files.popitem(last=False)[1].close()
        self._files[path] = file
        return file

    def close(self) -> None:
        """Closes the shards; a later read opens them again."""
        with self._lock:
            while self._files:
                self._files.popitem()[1].close()
