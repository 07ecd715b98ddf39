"""Source to shards: the conversion from its plan to its manifest.

  plan -> counts and notes for the user -> workers write the shards that are missing
       -> journal -> index, statistics -> manifest

The manifest comes last, so that a directory without one is unfinished; the same
command goes on with it and the bytes are those of a conversion without a stop.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np

from tfrecords import errors
from tfrecords.console import printing, progress, stop_signals, worker_pool
from tfrecords.conversion import finish, journal, plan, source_report, workers
from tfrecords.conversion.plan import ConvertSettings
from tfrecords.durable import files, locks
from tfrecords.shards import manifest, record_index
from tfrecords.sources import Source

__all__ = ["ConvertSettings", "check_directories", "convert"]

# A record's bytes beside the image: its keys, class, file name and checksums.
_RECORD_OVERHEAD_BYTES = 400
# A photograph of 256x256 at quality 95; a small image does not grow to that.
_JPEG_BYTES_PER_PIXEL = 0.5
_JPEG_GROWTH = 4

_STOPPED = "stopped; finished shards are kept. Run the same command again to go on."


def check_directories(source_dir: str | None, data_dir: str) -> None:
    """Refuses directories that cannot be right, before anything is read or written.

    Args:
      source_dir: what will be searched for images; None where nothing is.
      data_dir: where the shards are to go.

    Raises:
      UserError: where the shards would lie among the images, or `data_dir` holds
        something else.
    """
    if source_dir is not None:
        inner, outer = os.path.realpath(data_dir), os.path.realpath(source_dir)
        if os.path.commonpath([inner, outer]) == outer:
            raise errors.UserError(
                f"the data directory {data_dir} lies inside the source directory "
                f"{source_dir}, where it would be taken for images. Name a "
                "--data_dir outside."
            )
    if os.path.exists(os.path.join(data_dir, manifest.MANIFEST_NAME)):
        return
    if not os.path.isdir(data_dir) or journal.has_journal(data_dir):
        return
    own = {locks.LOCK_NAME, journal.PROGRESS_DIR_NAME}
    foreign = sorted(set(os.listdir(data_dir)) - own)
    if foreign:
        raise errors.UserError(
            f"{data_dir} is not empty and holds no conversion to go on with (it holds "
            f"{', '.join(foreign[:3])}{' ...' if len(foreign) > 3 else ''}). Name an "
            "empty or new directory as --data_dir."
        )


def convert(
    source: Source,
    data_dir: str,
    settings: ConvertSettings,
    num_workers: int | None = None,
) -> manifest.Manifest:
    """Converts all images of `source`, or those that an earlier run left.

    What is unusual about the source is printed before the first shard is written, the
    summary at the end; both go to standard output, progress to standard error.

    Args:
      source: the images.
      data_dir: where the shards go: new, empty, or of the same conversion.
      settings: what to make; see `ConvertSettings`.
      num_workers: processes; None: one for every core.

    Returns:
      The manifest, written last.

    Raises:
      UserError: where the directory holds something else, or too many images were
        rejected (they are listed in `rejects.txt`).
      DataError: where the source cannot be read as it was listed.
      StorageError: where the disk is full or fails; what is finished stays.
      InUseError: where another process is writing to the directory.
      Interrupted: after SIGTERM, SIGINT or SIGHUP; the same call goes on.
    """
    start_time = time.monotonic()
    if num_workers is None:
        num_workers = worker_pool.count_processors()
    if num_workers < 1:
        raise errors.UserError(f"num_workers must be at least 1, not {num_workers}.")
    the_plan = plan.make_plan(source, settings)
    check_directories(None, data_dir)
    files.make_directory(data_dir)
    with locks.directory_lock(data_dir, "alexnet-convert"):
        if os.path.exists(os.path.join(data_dir, manifest.MANIFEST_NAME)):
            return _confirm_finished(data_dir, the_plan)
        print("\n".join(source_report.describe_source(source)), flush=True)
        with stop_signals.stop_by_signal(_STOPPED) as check_stop:
            finished = _open_journal(data_dir, the_plan, num_workers, check_stop)
            num_before = _count(the_plan, finished)
            _write_missing(
                source, data_dir, the_plan, finished, num_workers, check_stop
            )
            result = finish.finish(source, data_dir, the_plan, finished)
    seconds = time.monotonic() - start_time
    num_converted = the_plan.num_images - num_before
    _print_summary(data_dir, source, the_plan, result, finished, num_converted, seconds)
    return result


def _confirm_finished(data_dir: str, the_plan: plan.Plan) -> manifest.Manifest:
    result = manifest.read_manifest(data_dir)
    journal.check_same_plan(data_dir, result.settings, the_plan.description)
    for split in result.splits:
        record_index.read_index(data_dir, result, split)
    journal.remove(data_dir)
    print(
        f"{data_dir} holds this conversion already: the sizes of its files are right, "
        "nothing was written. (alexnet-verify reads the contents.)"
    )
    return result


def _open_journal(
    data_dir: str, the_plan: plan.Plan, num_threads: int, check_stop: Callable[[], None]
) -> journal.Journal:
    resumed = journal.has_journal(data_dir)
    finished = journal.Journal(
        data_dir, the_plan.description, num_threads, report_check=check_stop
    )
    if resumed:
        print(
            f"Going on in {data_dir}: {len(finished.finished)} of "
            f"{len(the_plan.shards)} shards are finished and intact."
        )
    if finished.distrusted:
        print(
            "Making again what was changed since it was written: "
            f"{', '.join(finished.distrusted)}."
        )
    return finished


def _count(the_plan: plan.Plan, finished: journal.Journal) -> int:
    """Images whose shards are finished."""
    return sum(len(s.rows) for s in the_plan.shards if s.name in finished.finished)


def _write_missing(
    source: Source,
    data_dir: str,
    the_plan: plan.Plan,
    finished: journal.Journal,
    num_workers: int,
    check_stop: Callable[[], None],
) -> None:
    missing = [s for s in the_plan.shards if s.name not in finished.finished]
    if not missing:
        return
    _check_free_space(source, data_dir, the_plan.settings, missing)
    num_before = _count(the_plan, finished)
    line = progress.Progress(
        "converting", the_plan.num_images, "images", done=num_before
    )
    pool = workers.WorkerPool(source, the_plan.settings, data_dir, num_workers)

    def report() -> None:
        check_stop()
        # A shard that is made again counts its images once.
        line.advance(max(0, num_before + pool.num_done - line.done))

    try:
        with pool:
            for shard, result in pool.run(missing, report):
                finished.add(shard.name, result)
    finally:
        line.close()
        files.remove_temporary_files(data_dir)


def _check_free_space(
    source: Source,
    data_dir: str,
    settings: ConvertSettings,
    missing: list[plan.ShardPlan],
) -> None:
    """Refuses a disk that clearly cannot hold the shards that are missing."""
    pixels = settings.image_size**2
    expected = 0.0
    for shard in missing:
        if settings.encoding == "raw":
            expected += len(shard.rows) * (3 * pixels + _RECORD_OVERHEAD_BYTES)
        else:
            sizes = source.splits[shard.split].num_bytes[shard.rows]
            largest = _JPEG_BYTES_PER_PIXEL * pixels
            expected += np.minimum(_JPEG_GROWTH * sizes, largest).sum()
    # A JPEG's size is a guess, so that only half of it is insisted on.
    needed = int(expected if settings.encoding == "raw" else expected / 2)
    status = os.statvfs(data_dir)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise errors.StorageError(
            f"{data_dir} has {free:,} bytes free; the shards need at least {needed:,}. "
            "Make room, or name a --data_dir on another disk."
        )


def _print_summary(
    data_dir: str,
    source: Source,
    the_plan: plan.Plan,
    result: manifest.Manifest,
    finished: journal.Journal,
    num_converted: int,
    seconds: float,
) -> None:
    num_bytes = 0
    for name, split in result.splits.items():
        num_bytes += sum(shard.num_bytes for shard in split.shards)
        num_rejects = sum(reject.split == name for reject in result.rejects)
        print(
            f"{name}: {split.num_records + num_rejects:,} images seen = "
            f"{split.num_records:,} converted + {num_rejects:,} rejected, "
            f"{len(split.shards)} shards"
        )
    if result.rejects:
        print(f"Rejected images: {os.path.join(data_dir, finish.REJECTS_NAME)}")
    # In the plan's order, so that of equals the same one is named every time.
    done = [finished.finished[shard.name] for shard in the_plan.shards]
    largest = max(
        (shard.largest for shard in done if shard.largest),
        key=lambda image: image[0] * image[1],
        default=None,
    )
    if largest is not None:
        height, width, filename = largest
        print(f"Largest image: {printing.escape(filename)}, {width} x {height}")
    print(
        f"{result.num_classes} classes, {num_bytes / 1e6:,.1f} MB in {data_dir}; "
        f"{num_converted:,} images in {progress.format_duration(seconds)} "
        f"({num_converted / max(seconds, 1e-9):,.0f} images/s)"
    )
    print(f"Next: alexnet-train --data_dir={data_dir} --workdir=DIRECTORY")
