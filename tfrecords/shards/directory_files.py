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
from tfrecords.shards import contest as contest_file
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
    contest: contest_file.Contest | None = None,
) -> manifest.Manifest:
    """Writes `statistics.npz`, `index.npz` and, last, the manifest, which it returns.

    A manifest that `data_dir` already has is removed first. `description` is the new
    one without its splits and checksums. Each split's `shards` are read once, in order.
    `contest.npz` is written if there is something for it.

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
        parts: list[ShardContents] = []
        class_counts = np.zeros(len(description.classes), np.int64)
        for shard in contents:
            if accumulator is None:
                accumulator = shard.accumulator
            elif shard.accumulator is not None:
                accumulator.merge(shard.accumulator)
            class_counts += shard.class_counts
            # The sums are large, and so are 22,000 counts for each of 1,400 shards.
            parts.append(
                dataclasses.replace(
                    shard, accumulator=None, class_counts=np.zeros(0, np.int64)
                )
            )
        lengths = [part.lengths for part in parts]
        numbers = np.arange(len(parts), dtype=np.int32)
        index[f"{split}/shard"] = np.repeat(numbers, [len(part) for part in lengths])
        index[f"{split}/offset"] = np.concatenate([*map(_compute_offsets, lengths)])
        index[f"{split}/length"] = np.concatenate(lengths)
        index[f"{split}/checksum"] = np.concatenate([p.checksums for p in parts])
        splits[split] = manifest.SplitInfo(
            tuple(part.info for part in parts), tuple(class_counts.tolist())
        )
    assert accumulator is not None  # there is a training split
    statistics.write_statistics(data_dir, accumulator.compute())
    npz.save(os.path.join(data_dir, manifest.INDEX_NAME), index)
    names = [manifest.INDEX_NAME, manifest.STATISTICS_NAME]
    if contest is not None:
        contest_file.write(data_dir, contest)
        names.append(manifest.CONTEST_NAME)
    written = dataclasses.replace(
        description,
        splits=splits,
        checksums={
            name: files.compute_digest(os.path.join(data_dir, name)) for name in names
        },
    )
    manifest.write_manifest(data_dir, written)
    return written


def _compute_offsets(lengths: np.ndarray) -> np.ndarray:
    """Where each record of a shard begins: record k + 1 at the end of record k."""
    sizes = lengths + record_file.FRAME_BYTES
    offsets: np.ndarray = np.cumsum(sizes) - sizes
    return offsets
