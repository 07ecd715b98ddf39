"""From finished shards to a data directory: rejects, then index and manifest."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping

from tfrecords import errors
from tfrecords.console import printing
from tfrecords.conversion import finished_shards, plan
from tfrecords.conversion.finished_shards import FinishedShard
from tfrecords.durable import files
from tfrecords.plurals import counted
from tfrecords.shards import directory_files, manifest
from tfrecords.sources import Source

REJECTS_NAME = "rejects.txt"


def finish(
    source: Source,
    data_dir: str,
    the_plan: plan.Plan,
    finished: Mapping[str, FinishedShard],
) -> manifest.Manifest:
    """Writes `rejects.txt`, statistics, index and, last, the manifest.

    Then the traces of the conversion in `data_dir` are removed. `finished` holds every
    shard of the plan, by name.

    Raises:
      UserError: if more images were rejected than allowed, or all training images.
      StorageError: if the disk is full or fails.
    """
    rejects = _check_rejects(data_dir, the_plan, finished)
    result = directory_files.write(
        data_dir,
        manifest.Manifest(
            source=source.name,
            image_size=the_plan.settings.image_size,
            encoding=the_plan.settings.encoding,
            label_offset=0,
            records_dir=".",
            settings=the_plan.description,
            classes=source.classes,
            splits={},
            rejects=rejects,
            inputs=source.inputs,
            checksums={},
        ),
        {
            split: _read_contents(data_dir, the_plan, split)
            for split in dict.fromkeys(shard.split for shard in the_plan.shards)
        },
        source.contest,
    )
    finished_shards.remove(data_dir)
    return result


def _read_contents(
    data_dir: str, the_plan: plan.Plan, split: str
) -> Iterator[directory_files.ShardContents]:
    # One at a time: the sums are large.
    for shard in the_plan.shards:
        if shard.split == split:
            yield finished_shards.read_contents(data_dir, shard.name)


def _check_rejects(
    data_dir: str, the_plan: plan.Plan, finished: Mapping[str, FinishedShard]
) -> tuple[manifest.Reject, ...]:
    """Counts every image once, lists the rejects, and raises if they are too many."""
    rejects: list[manifest.Reject] = []
    for shard in the_plan.shards:
        done = finished[shard.name]
        if done.info.num_records + len(done.rejects) != len(shard.rows):
            raise errors.DataError(
                f"{shard.name} has {counted(done.info.num_records, 'record')} and "
                f"{len(done.rejects)} rejects, but "
                f"{counted(len(shard.rows), 'image')} were "
                f"planned for it: an error in this program. Delete {data_dir} and "
                "convert again."
            )
        rejects += done.rejects
    if rejects:
        lines = [
            "\t".join(printing.escape(field) for field in dataclasses.astuple(reject))
            for reject in rejects
        ]
        path = os.path.join(data_dir, REJECTS_NAME)
        files.write_bytes(path, ("\n".join(lines) + "\n").encode())
    limit = the_plan.settings.max_rejects
    assert limit is not None  # completed by make_plan
    if len(rejects) > limit:
        first = rejects[0]
        raise errors.UserError(
            f"{len(rejects):,} of {the_plan.num_images:,} images could not be "
            f"converted, more than --max_rejects={limit} allows. The first is "
            f"{printing.escape(first.filename)} ({first.reason}); all are listed in "
            f"{os.path.join(data_dir, REJECTS_NAME)}. Repair or remove them, or run "
            "the same command with a higher --max_rejects: the shards are kept."
        )
    return tuple(rejects)
