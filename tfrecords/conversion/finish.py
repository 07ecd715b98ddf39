"""From finished shards to a data directory: rejects, index, statistics, manifest."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from tfrecords import errors
from tfrecords.console import printing
from tfrecords.conversion import journal, plan
from tfrecords.durable import files, npz
from tfrecords.shards import manifest, record_file, statistics
from tfrecords.sources import Source

REJECTS_NAME = "rejects.txt"


def finish(
    source: Source, data_dir: str, the_plan: plan.Plan, finished: journal.Journal
) -> manifest.Manifest:
    """Writes `rejects.txt`, index, statistics and, last, the manifest.

    Args:
      source: what was converted.
      data_dir: where its shards lie.
      the_plan: what was to be made.
      finished: the journal, with every shard of the plan; it is removed.

    Returns:
      The manifest.

    Raises:
      UserError: where more images were rejected than allowed, or all of them.
      StorageError: where the disk is full or fails.
    """
    rejects = _check_rejects(data_dir, the_plan, finished)
    accumulator = statistics.Accumulator(the_plan.settings.image_size)
    index: dict[str, np.ndarray] = {}
    splits: dict[str, manifest.SplitInfo] = {}
    for split in dict.fromkeys(shard.split for shard in the_plan.shards):
        names = [shard.name for shard in the_plan.shards if shard.split == split]
        class_counts = np.zeros(len(source.classes), np.int64)
        lengths: list[np.ndarray] = []
        offsets: list[np.ndarray] = []
        record_checksums: list[np.ndarray] = []
        for name in names:
            parts = finished.read_parts(name)
            class_counts += parts["class_counts"]
            lengths.append(parts["lengths"])
            offsets.append(_compute_offsets(parts["lengths"]))
            record_checksums.append(parts["checksums"])
            if split == "train":
                accumulator.merge(statistics.Accumulator.from_arrays(parts))
        index[f"{split}/shard"] = np.repeat(
            np.arange(len(names), dtype=np.int32), [len(part) for part in lengths]
        )
        index[f"{split}/offset"] = np.concatenate(offsets)
        index[f"{split}/length"] = np.concatenate(lengths)
        index[f"{split}/checksum"] = np.concatenate(record_checksums)
        splits[split] = manifest.SplitInfo(
            shards=tuple(_describe_shard(finished.finished[name]) for name in names),
            class_counts=tuple(class_counts.tolist()),
        )
    statistics.write_statistics(data_dir, accumulator.compute())
    npz.save(os.path.join(data_dir, manifest.INDEX_NAME), index)
    checksums = {
        name: files.compute_digest(os.path.join(data_dir, name))
        for name in (manifest.INDEX_NAME, manifest.STATISTICS_NAME)
    }
    result = manifest.Manifest(
        source=source.name,
        image_size=the_plan.settings.image_size,
        encoding=the_plan.settings.encoding,
        label_offset=0,
        records_dir=".",
        settings=the_plan.description,
        classes=source.classes,
        splits=splits,
        rejects=rejects,
        inputs=source.inputs,
        checksums=checksums,
    )
    manifest.write_manifest(data_dir, result)
    journal.remove(data_dir)
    return result


def _compute_offsets(lengths: np.ndarray) -> np.ndarray:
    """Where each record of a shard begins: record k + 1 at the end of record k."""
    frame_bytes = record_file.HEADER_BYTES + record_file.FOOTER_BYTES
    ends = np.cumsum(lengths + frame_bytes)
    return ends - (lengths + frame_bytes)


def _describe_shard(shard: journal.FinishedShard) -> manifest.ShardInfo:
    return manifest.ShardInfo(
        shard.name, shard.num_records, shard.num_bytes, shard.sha256
    )


def _check_rejects(
    data_dir: str, the_plan: plan.Plan, finished: journal.Journal
) -> tuple[manifest.Reject, ...]:
    """Counts every image once, lists the rejects, and raises if they are too many."""
    rejects: list[manifest.Reject] = []
    for shard in the_plan.shards:
        done = finished.finished[shard.name]
        if done.num_records + len(done.rejects) != len(shard.rows):
            raise errors.DataError(
                f"{shard.name} has {done.num_records} records and {len(done.rejects)} "
                f"rejects, but {len(shard.rows)} images were to go into it: a fault "
                f"of this program. Delete {data_dir} and convert again."
            )
        rejects += [
            manifest.Reject(shard.split, name, reason) for name, reason in done.rejects
        ]
    if rejects:
        lines = [
            "\t".join(printing.escape(field) for field in dataclasses.astuple(reject))
            for reject in rejects
        ]
        path = os.path.join(data_dir, REJECTS_NAME)
        files.write_bytes(path, ("\n".join(lines) + "\n").encode())
    limit = the_plan.settings.max_rejects
    assert limit is not None  # decided by make_plan
    if len(rejects) > limit:
        first = rejects[0]
        raise errors.UserError(
            f"{len(rejects):,} of {the_plan.num_images:,} images could not be "
            f"converted, more than --max_rejects={limit} allows. The first: "
            f"{printing.escape(first.filename)} ({first.reason}); all are listed in "
            f"{os.path.join(data_dir, REJECTS_NAME)}. Repair or remove them, or run "
            "the same command with a higher --max_rejects: the shards are kept."
        )
    return tuple(rejects)
