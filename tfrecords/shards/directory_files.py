"""Writes what a data directory holds beside its shards: index, statistics, manifest.

The converter and `alexnet-index` both end here. The manifest is written last: a
directory without one is unfinished.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Mapping

import numpy as np

from tfrecords.durable import files, npz
from tfrecords.shards import manifest, record_file, statistics


@dataclasses.dataclass(frozen=True)
class ShardContents:
    """What index, statistics and manifest need to know of a shard."""

    info: manifest.ShardInfo
    lengths: np.ndarray  # int64 [N], bytes of each record's data
    checksums: np.ndarray  # uint32 [N], masked CRC-32C of each record's data
    class_counts: np.ndarray  # int64 [number of classes]
    accumulator: statistics.Accumulator | None  # of a training shard's images


def write(
    data_dir: str,
    description: manifest.Manifest,
    shards: Mapping[str, Iterable[ShardContents]],
) -> manifest.Manifest:
    """Writes `statistics.npz`, `index.npz` and, last, the manifest, which it returns.

    Args:
      data_dir: the data directory. A manifest that it already has is removed first.
      description: the manifest, without its splits and checksums.
      shards: the contents of each split's shards, in order; each is read once.

    Raises:
      UserError: if there is no training image.
      StorageError: if the disk is full or fails.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(data_dir, manifest.MANIFEST_NAME))
    accumulator: statistics.Accumulator | None = None
    index: dict[str, np.ndarray] = {}
    splits: dict[str, manifest.SplitInfo] = {}
    for split, contents in shards.items():
        infos: list[manifest.ShardInfo] = []
        lengths: list[np.ndarray] = []
        checksums: list[np.ndarray] = []
        class_counts = np.zeros(len(description.classes), np.int64)
        for shard in contents:
            infos.append(shard.info)
            lengths.append(shard.lengths)
            checksums.append(shard.checksums)
            class_counts += shard.class_counts
            if accumulator is None:
                accumulator = shard.accumulator
            elif shard.accumulator is not None:
                accumulator.merge(shard.accumulator)
        numbers = np.arange(len(infos), dtype=np.int32)
        index[f"{split}/shard"] = np.repeat(numbers, [len(part) for part in lengths])
        index[f"{split}/offset"] = np.concatenate([*map(_compute_offsets, lengths)])
        index[f"{split}/length"] = np.concatenate(lengths)
        index[f"{split}/checksum"] = np.concatenate(checksums)
        splits[split] = manifest.SplitInfo(tuple(infos), tuple(class_counts.tolist()))
    assert accumulator is not None  # there is a training split
    statistics.write_statistics(data_dir, accumulator.compute())
    npz.save(os.path.join(data_dir, manifest.INDEX_NAME), index)
    written = dataclasses.replace(
        description,
        splits=splits,
        checksums={
            name: files.compute_digest(os.path.join(data_dir, name))
            for name in (manifest.INDEX_NAME, manifest.STATISTICS_NAME)
        },
    )
    manifest.write_manifest(data_dir, written)
    return written


def _compute_offsets(lengths: np.ndarray) -> np.ndarray:
    """Where each record of a shard begins: record k + 1 at the end of record k."""
    sizes = lengths + record_file.FRAME_BYTES
    offsets: np.ndarray = np.cumsum(sizes) - sizes
    return offsets
