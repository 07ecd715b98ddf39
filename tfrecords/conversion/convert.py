"""Converts a source to shards, from the plan to the manifest.

  plan -> counts and notes for the user -> workers write the missing shards, each
       followed by its side file -> index, statistics -> manifest

The manifest comes last, so a directory without one is unfinished. The same command
resumes it, and the result has the same bytes as a conversion that was never stopped.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Generator, Sequence

import numpy as np

from tfrecords import errors
from tfrecords.console import printing, progress, stop_signals, worker_pool
from tfrecords.conversion import (
    finish,
    finished_shards,
    plan,
    shard_writer,
    source_report,
)
from tfrecords.conversion.finished_shards import FinishedShard
from tfrecords.conversion.plan import ConvertSettings
from tfrecords.durable import files, locks
from tfrecords.plurals import counted
from tfrecords.shards import manifest, record_index
from tfrecords.sources import Source

__all__ = ["ConvertSettings", "WriteShards", "check_directories", "convert"]

# Called with a source, the plan, the data directory, the missing shards and a function
# to be called several times a second with the number of images begun in shards that
# are not finished, which may raise to stop. Yields each shard as it is finished, below
# a temporary name on the data directory's file system.
WriteShards = Callable[
    [Source, plan.Plan, str, Sequence[plan.ShardPlan], Callable[[int], None]],
    Generator[tuple[plan.ShardPlan, shard_writer.ShardResult], None, None],
]

# A record's bytes besides the image: its keys, class, file name and checksums.
_RECORD_OVERHEAD_BYTES = 400
# A photograph of 256x256 at quality 95; a small image grows less than four-fold.
_JPEG_BYTES_PER_PIXEL = 0.5
_JPEG_GROWTH = 4

_STOPPED = (
    "the conversion was stopped. Finished shards are kept; run the same command again "
    "to resume."
)


def check_directories(source_dir: str | None, data_dir: str) -> None:
    """Refuses directories that cannot be right, before anything is read or written.

    `source_dir` is what will be searched for images; None if nothing is. Raises
    `UserError` if the shards would be among the images, or `data_dir` holds something
    else.
    """
    if source_dir is not None:
        inner, outer = os.path.realpath(data_dir), os.path.realpath(source_dir)
        if os.path.commonpath([inner, outer]) == outer:
            raise errors.UserError(
                f"the data directory {data_dir} is inside the source directory "
                f"{source_dir}, where its shards would be taken for images. Choose a "
                "--data_dir outside."
            )
    if os.path.exists(os.path.join(data_dir, manifest.MANIFEST_NAME)):
        return
    if not os.path.isdir(data_dir) or finished_shards.is_begun(data_dir):
        return
    own = {locks.LOCK_NAME, finished_shards.PROGRESS_DIR_NAME}
    foreign = sorted(set(os.listdir(data_dir)) - own)
    if foreign:
        raise errors.UserError(
            f"{data_dir} is not empty and holds no conversion to resume (it holds "
            f"{', '.join(foreign[:3])}{' ...' if len(foreign) > 3 else ''}). Choose an "
            "empty or new directory as --data_dir."
        )


def convert(
    source: Source,
    data_dir: str,
    settings: ConvertSettings,
    num_workers: int | None = None,
    write_shards: WriteShards | None = None,
) -> manifest.Manifest:
    """Converts all images of `source`, or those that an earlier run left.

    Notes about the source are printed before the first shard is written, the summary at
    the end; both go to standard output, progress to standard error.

    `data_dir` is new, empty, or of the same conversion. `num_workers`: None for one for
    every core. `write_shards` writes the shards; None for this machine's processes.

    Returns:
      The manifest, written last.

    Raises:
      UserError: if the directory holds something else, or too many images were
        rejected (they are listed in `rejects.txt`).
      DataError: if the source cannot be read as it was listed.
      StorageError: if the disk is full or fails; finished shards are kept.
      InUseError: if another process is writing to the directory.
      Interrupted: after SIGTERM, SIGINT or SIGHUP; the same call resumes.
    """
    start_time = time.monotonic()
    num_workers = worker_pool.check_num_workers(num_workers)
    if write_shards is None:
        write_shards = functools.partial(_write_here, num_workers)
    the_plan = plan.make_plan(source, settings)
    check_directories(None, data_dir)
    files.make_directory(data_dir)
    with locks.directory_lock(data_dir, "alexnet-convert"):
        if os.path.exists(os.path.join(data_dir, manifest.MANIFEST_NAME)):
            return _confirm_finished(data_dir, the_plan)
        print("\n".join(source_report.describe_source(source)), flush=True)
        with stop_signals.catch_stop_signals() as stop:
            try:
                finished = _find_finished(data_dir, the_plan, num_workers, stop.check)
                num_before = _count(the_plan, finished)
                _write_missing(
                    source, data_dir, the_plan, finished, write_shards, stop.check
                )
            except stop_signals.Stopped as error:
                assert stop.signal_number is not None
                raise errors.Interrupted(_STOPPED, stop.signal_number) from error
            result = finish.finish(source, data_dir, the_plan, finished)
    seconds = time.monotonic() - start_time
    num_converted = the_plan.num_images - num_before
    _print_summary(data_dir, the_plan, result, finished, num_converted, seconds)
    return result


def _confirm_finished(data_dir: str, the_plan: plan.Plan) -> manifest.Manifest:
    result = manifest.read_manifest(data_dir)
    finished_shards.check_same_plan(data_dir, result.settings, the_plan.description)
    for split in result.splits:
        record_index.read_index(data_dir, result, split)
    finished_shards.remove(data_dir)
    print(
        f"{data_dir} already holds this conversion and its files have the right sizes; "
        "nothing was written. (alexnet-verify checks their contents.)"
    )
    return result


def _find_finished(
    data_dir: str, the_plan: plan.Plan, num_threads: int, check_stop: Callable[[], None]
) -> dict[str, FinishedShard]:
    is_resumed = finished_shards.is_begun(data_dir)
    finished, changed = finished_shards.find(
        data_dir, the_plan.description, num_threads, check_stop
    )
    if is_resumed:
        print(
            f"Resuming in {data_dir}: {len(finished)} of {len(the_plan.shards)} shards "
            "are finished and intact."
        )
    if changed:
        print(f"These shards were changed and are made again: {', '.join(changed)}.")
    return finished


def _count(the_plan: plan.Plan, finished: dict[str, FinishedShard]) -> int:
    """The number of images in finished shards."""
    return sum(len(s.rows) for s in the_plan.shards if s.name in finished)


def _write_missing(
    source: Source,
    data_dir: str,
    the_plan: plan.Plan,
    finished: dict[str, FinishedShard],
    write_shards: WriteShards,
    check_stop: Callable[[], None],
) -> None:
    """Writes the shards that are not in `finished`, and adds them to it."""
    missing = [s for s in the_plan.shards if s.name not in finished]
    if not missing:
        return
    _check_free_space(source, data_dir, the_plan.settings, missing)
    line = progress.Progress(
        "converting", the_plan.num_images, "images", done=_count(the_plan, finished)
    )

    def report(num_begun: int) -> None:
        check_stop()
        num_done = _count(the_plan, finished) + num_begun
        # The images of a shard that is started again are counted once.
        line.advance(max(0, num_done - line.done))

    written = write_shards(source, the_plan, data_dir, missing, report)
    try:
        # Closed at once, not when it is collected: it ends the workers.
        with contextlib.closing(written):
            for shard, result in written:
                finished[shard.name] = finished_shards.add(data_dir, shard.name, result)
    finally:
        line.close()
        files.remove_temporary_files(data_dir)


def _write_here(
    num_workers: int,
    source: Source,
    the_plan: plan.Plan,
    data_dir: str,
    missing: Sequence[plan.ShardPlan],
    report: Callable[[int], None],
) -> Generator[tuple[plan.ShardPlan, shard_writer.ShardResult], None, None]:
    """A `WriteShards` with processes of this machine, except its first argument."""
    write_shard = functools.partial(
        shard_writer.write_shard, source, the_plan.settings, data_dir
    )
    with worker_pool.WorkerPool(write_shard, num_workers) as pool:
        yield from pool.run(missing, lambda: report(pool.num_items_begun))


def _check_free_space(
    source: Source,
    data_dir: str,
    settings: ConvertSettings,
    missing: list[plan.ShardPlan],
) -> None:
    """Refuses a disk that clearly cannot hold the missing shards."""
    pixels = settings.image_size**2
    expected = 0.0
    for shard in missing:
        if settings.encoding == "raw":
            expected += len(shard.rows) * (3 * pixels + _RECORD_OVERHEAD_BYTES)
        else:
            sizes = source.splits[shard.split].num_bytes[shard.rows]
            largest = _JPEG_BYTES_PER_PIXEL * pixels
            expected += np.minimum(_JPEG_GROWTH * sizes, largest).sum()
    # The size of JPEGs is a guess: only half of it is required.
    needed = int(expected if settings.encoding == "raw" else expected / 2)
    status = os.statvfs(data_dir)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise errors.StorageError(
            f"{data_dir} has {free:,} bytes free; the shards need at least {needed:,}. "
            "Make room, or choose a --data_dir on another disk."
        )


def _print_summary(
    data_dir: str,
    the_plan: plan.Plan,
    result: manifest.Manifest,
    finished: dict[str, FinishedShard],
    num_converted: int,
    seconds: float,
) -> None:
    num_bytes = 0
    for name, split in result.splits.items():
        num_bytes += sum(shard.num_bytes for shard in split.shards)
        num_rejects = sum(reject.split == name for reject in result.rejects)
        print(
            f"{name}: {counted(split.num_records + num_rejects, 'image')} seen = "
            f"{split.num_records:,} converted + {num_rejects:,} rejected, "
            f"{counted(len(split.shards), 'shard')}"
        )
    if result.rejects:
        print(f"Rejected images: {os.path.join(data_dir, finish.REJECTS_NAME)}")
    # In the plan's order, so that one of several equals is always the same one.
    images = [finished[shard.name].largest for shard in the_plan.shards]
    largest = max(
        (image for image in images if image is not None),
        key=lambda image: image.height * image.width,
        default=None,
    )
    if largest is not None:
        name = printing.escape(largest.filename)
        print(f"Largest image: {name}, {largest.width} x {largest.height}")
    print(
        f"{counted(result.num_classes, 'class')}, {num_bytes / 1e6:,.1f} MB in "
        f"{data_dir}; "
        f"{counted(num_converted, 'image')} in {progress.format_duration(seconds)} "
        f"({num_converted / max(seconds, 1e-9):,.0f} images/s)"
    )
    print(f"Next: alexnet-train --data_dir={data_dir} --workdir=DIRECTORY")
