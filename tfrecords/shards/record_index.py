"""The position of each record: `index.npz`, which gives readers random access.

For each split S the file has `S/shard` int32 [N], `S/offset` int64 [N] (of the record's
header, bytes), `S/length` int64 [N] (of its data, bytes) and `S/checksum` uint32 [N]
(masked CRC-32C of its data), in the order of the records in the shards.

An index without checksums, written by an early version, is read too; then the first
records of the shards are compared with each other (see `copied_shards`).
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from tfrecords import errors
from tfrecords.shards import copied_shards, record_file
from tfrecords.shards import manifest as manifest_lib


@dataclasses.dataclass(frozen=True)
class RecordIndex:
    """The positions of the records of a split; the arrays are those of `index.npz`."""

    paths: tuple[str, ...]  # of the shards, to which `shard` is an index
    shard: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    checksum: np.ndarray | None = None  # None if the index has no checksums

    @property
    def num_records(self) -> int:
        return len(self.shard)

    def select(self, rows: slice | np.ndarray) -> RecordIndex:
        """The positions of some of the records; as an array, `rows` is int64."""
        return RecordIndex(
            self.paths,
            self.shard[rows],
            self.offset[rows],
            self.length[rows],
            None if self.checksum is None else self.checksum[rows],
        )


def read_index(
    data_dir: str, manifest: manifest_lib.Manifest, split: str, check_sizes: bool = True
) -> RecordIndex:
    """Reads the positions of the records of `split` and checks that the files fit.

    Sizes and counts are compared with the manifest, which costs one `stat` per shard;
    `alexnet-verify` reads the contents. If the index has no checksums, shards of equal
    size are opened too, to find one that was copied over another.

    Without `check_sizes` only the index is read.

    Raises:
      DataError: naming the shard that is missing or has the wrong size, or the index if
        it is damaged.
      UserError: if there is no such split.
    """
    info = manifest.get_split(split)
    records_dir = manifest.find_records_dir(data_dir)
    paths = tuple(os.path.join(records_dir, shard.name) for shard in info.shards)
    if check_sizes:
        for path, shard in zip(paths, info.shards, strict=True):
            _check_size(path, shard.num_bytes)
    index_path = os.path.join(data_dir, manifest_lib.INDEX_NAME)
    arrays = manifest_lib.load_arrays(
        data_dir, manifest_lib.INDEX_NAME, manifest.checksums[manifest_lib.INDEX_NAME]
    )
    try:
        index = RecordIndex(
            paths,
            arrays[f"{split}/shard"],
            arrays[f"{split}/offset"],
            arrays[f"{split}/length"],
            arrays.get(f"{split}/checksum"),
        )
    except KeyError as error:
        raise errors.DataError(
            f"{index_path} lacks the array {error}. Convert again."
        ) from error
    if not _fits(index, info):
        raise errors.DataError(
            f"{index_path} does not fit the manifest's shards of the split {split}. "
            "Convert again."
        )
    if check_sizes and index.checksum is None:
        copied_shards.refuse(records_dir, manifest, split)
    return index


def _fits(index: RecordIndex, info: manifest_lib.SplitInfo) -> bool:
    """Whether every entry is inside its shard and every shard has its records."""
    columns = (index.shard, index.offset, index.length)
    if any(c.ndim != 1 or c.dtype.kind != "i" for c in columns):
        return False
    if {len(c) for c in columns} != {info.num_records}:
        return False
    checksum = index.checksum
    if checksum is not None and (
        checksum.shape != (info.num_records,) or checksum.dtype != np.uint32
    ):
        return False
    expected = np.repeat(
        np.arange(len(info.shards)), [shard.num_records for shard in info.shards]
    )
    if not np.array_equal(index.shard, expected):
        return False
    num_bytes = np.array([shard.num_bytes for shard in info.shards], np.int64)
    # Subtractions only: the sum of two entries could overflow.
    room = num_bytes[index.shard] - record_file.FRAME_BYTES - index.offset
    return bool(
        np.all(index.offset >= 0)
        and np.all(index.length >= 0)
        and np.all(index.length <= room)
    )


def _check_size(path: str, num_bytes: int) -> None:
    try:
        found = os.path.getsize(path)
    except OSError as error:
        raise errors.DataError(
            f"the shard {path} is missing or unreadable ({error.strerror}). Restore it "
            "from a copy, or convert again into an empty directory."
        ) from error
    if found != num_bytes:
        raise errors.DataError(
            f"the shard {path} has {found:,} bytes, the manifest says {num_bytes:,}: "
            "it was cut short or changed. Restore it from a copy, or convert again "
            "into an empty directory."
        )
