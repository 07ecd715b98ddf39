"""Estimates how long a conversion would take and how large its result would be.

A few images of every split are converted into a temporary directory; the rest is
extrapolated from them.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time

from tfrecords.console import progress, worker_pool
from tfrecords.conversion import plan, shard_writer, source_report
from tfrecords.conversion.plan import ConvertSettings
from tfrecords.durable import files
from tfrecords.plurals import counted
from tfrecords.sources import Source

_TRIAL_IMAGES = 48


def estimate(
    source: Source,
    data_dir: str,
    settings: ConvertSettings,
    num_workers: int | None = None,
) -> list[str]:
    """Converts a few images; returns lines for the user on the whole conversion.

    Nothing is written to `data_dir`. `num_workers`: None for one for every core. Times
    assume that every process is as fast as this one.

    Raises:
      UserError: if the settings do not fit the source.
      DataError: if the source cannot be read as it was listed.
    """
    num_workers = worker_pool.check_num_workers(num_workers)
    the_plan = plan.make_plan(source, settings)
    lines = source_report.describe_source(source)
    seconds = num_bytes = 0.0
    num_tried = num_rejected = 0
    with tempfile.TemporaryDirectory() as directory:
        for split, table in source.splits.items():
            shards = [shard for shard in the_plan.shards if shard.split == split]
            lines.append(
                f"{split}: {counted(table.num_images, 'image')} in "
                f"{counted(len(shards), 'shard')}"
            )
            # The plan is shuffled: a shard's first images are a random sample.
            trial = dataclasses.replace(shards[0], rows=shards[0].rows[:_TRIAL_IMAGES])
            start = time.perf_counter()
            result = shard_writer.write_shard(
                source, the_plan.settings, directory, trial, {}, lambda position: None
            )
            share = table.num_images / len(trial.rows)
            seconds += share * (time.perf_counter() - start)
            num_bytes += share * result.contents.info.num_bytes
            num_tried += len(trial.rows)
            num_rejected += len(result.rejects)
    rate = the_plan.num_images / seconds
    free = shutil.disk_usage(files.find_nearest(data_dir)).free
    duration = progress.format_duration(seconds / num_workers)
    lines += [
        f"{num_tried} of them were converted as a test: {rate:,.0f} images/s with one "
        f"process, {num_rejected} rejected",
        f"All {the_plan.num_images:,} of {len(source.classes):,} classes would take "
        f"about {duration} with {num_workers} processes and {num_bytes / 1e6:,.1f} MB "
        f"in {data_dir}, where {free / 1e6:,.0f} MB are free",
        "Nothing was written.",
    ]
    return lines
