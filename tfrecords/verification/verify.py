"""Reads a whole data directory and reports what is wrong with it.

Every file is compared with the manifest (size, SHA-256) and every record with the index
and its class, every image is decoded, and the statistics are computed again. A bad
shard does not end the check; each problem is one line that says where it is.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from collections.abc import Iterator

import numpy as np

from tfrecords import errors
from tfrecords.console import progress, worker_pool
from tfrecords.plurals import counted
from tfrecords.shards import contest, manifest, record_index, statistics
from tfrecords.verification import official_counts, shard_check, shard_reader

MAX_PROBLEMS = 100

# The statistics are of the pixels before JPEG encoding, which changes pixels by a few
# levels at random (the mean over n images averages that out) and reduces the variance
# of the colours a little: on 40 images of ImageNet by 0.02 levels of mean_rgb, 0.6 of
# mean_image and 0.24 % of the trace. Only colour noise one pixel wide, which no
# photograph has, would exceed these tolerances. Raw images give the same sums, up to
# rounding.
_MEAN_RGB_TOLERANCE = 1.0
_MEAN_IMAGE_RMS_TOLERANCE = 1.0
_ONE_IMAGE_RMS_TOLERANCE = 15.0
_COVARIANCE_TOLERANCE = 0.05
_ROUNDING = 1e-6


_Results = list[tuple[shard_check.ShardTask, shard_check.ShardResult]]


@dataclasses.dataclass(frozen=True)
class Report:
    """What `verify` found; the data are sound if there are no problems."""

    problems: tuple[str, ...]  # one line each, the first `MAX_PROBLEMS`
    num_problems: int  # all of them
    notes: tuple[str, ...]  # differences from the official data set, which are none
    num_records: int
    num_bytes: int  # of the shards
    seconds: float


def verify(data_dir: str, num_workers: int | None = None) -> Report:
    """Checks everything in `data_dir`.

    `num_workers`: None for one per processor. Progress goes to standard error.

    Raises:
      UserError: if there is no data directory or no manifest of this version.
      DataError: if the manifest itself is damaged.
    """
    start = time.monotonic()
    contents = manifest.read_manifest(data_dir)
    problems = shard_reader.ProblemList(MAX_PROBLEMS)
    problems.extend(_check_names(data_dir, contents))
    indexes = {}
    index_problems = []
    for split in contents.splits:
        try:
            indexes[split] = record_index.read_index(
                data_dir, contents, split, check_sizes=False
            )
        except errors.DataError as error:
            index_problems.append(str(error))
    problems.extend(dict.fromkeys(index_problems))  # the same file for every split
    try:
        contest.read(data_dir, contents)
    except errors.DataError as error:
        problems.extend([str(error)])
    tasks = list(_make_tasks(data_dir, contents, indexes))
    total = sum(split.num_records for split in contents.splits.values())
    line = progress.Progress("verifying", total, "records")
    results: _Results = []
    sums: statistics.Accumulator | None = None  # over the training images
    with worker_pool.WorkerPool(
        functools.partial(shard_check.check_shard, contents),
        num_workers,
        in_process_if_alone=True,
    ) as pool:
        for task, result in pool.run(tasks):
            problems.merge(result.problems)
            if sums is None:
                sums = result.accumulator
            elif result.accumulator is not None:
                sums.merge(result.accumulator)
            results.append((task, dataclasses.replace(result, accumulator=None)))
            line.advance(result.num_records)
    line.close()
    results.sort(key=lambda pair: pair[0].position)
    for split, info in contents.splits.items():
        of_split = [pair for pair in results if pair[0].split == split]
        problems.extend(_check_filenames(of_split))
        is_complete = len(of_split) == len(info.shards) and all(
            result.is_complete for _, result in of_split
        )
        if is_complete:
            problems.extend(_check_counts(split, info, of_split))
        elif split == "train":
            sums = None
    problems.extend(_check_statistics(data_dir, contents, sums))
    return Report(
        tuple(problems.lines),
        problems.count,
        tuple(official_counts.compare(contents)),
        sum(result.num_records for _, result in results),
        sum(result.num_bytes for _, result in results),
        time.monotonic() - start,
    )


def _check_names(data_dir: str, contents: manifest.Manifest) -> Iterator[str]:
    records_dir = contents.find_records_dir(data_dir)
    if not contents.splits.get("train"):
        yield f"{data_dir}: the manifest has no train split"
    known = {s.name for split in contents.splits.values() for s in split.shards}
    present = set(os.listdir(records_dir)) if os.path.isdir(records_dir) else set()
    for name in sorted(known - present):
        yield f"{os.path.join(records_dir, name)}: the shard is missing"
    for name in sorted(present - known):
        if shard_check.SHARD_NAME.fullmatch(name):
            yield (
                f"{os.path.join(records_dir, name)}: the manifest does not name this "
                "shard"
            )


def _make_tasks(
    data_dir: str,
    contents: manifest.Manifest,
    indexes: dict[str, record_index.RecordIndex],
) -> Iterator[shard_check.ShardTask]:
    records_dir = contents.find_records_dir(data_dir)
    for split, info in contents.splits.items():
        end = 0
        for position, shard in enumerate(info.shards):
            begin, end = end, end + shard.num_records
            path = os.path.join(records_dir, shard.name)
            if not os.path.exists(path):
                continue
            index = indexes.get(split)
            part = None if index is None else index.select(slice(begin, end))
            yield shard_check.ShardTask(path, split, position, shard, part)


def _check_counts(
    split: str, info: manifest.SplitInfo, results: _Results
) -> Iterator[str]:
    counts = np.zeros(len(info.class_counts), np.int64)
    for _, result in results:
        counts += result.class_counts
    for label, expected in enumerate(info.class_counts):
        if counts[label] != expected:
            yield (
                f"{split}: the class of label {label} has "
                f"{counted(counts[label], 'record')}, the "
                f"manifest says {expected}"
            )


def _check_filenames(results: _Results) -> Iterator[str]:
    if not results:
        return
    digests = np.concatenate([r.filename_digests for _, r in results])
    numbers = np.concatenate([r.filename_numbers for _, r in results])
    owners = np.repeat(
        np.arange(len(results)), [len(r.filename_digests) for _, r in results]
    )
    order = np.argsort(digests, kind="stable")
    same = np.flatnonzero(digests[order[1:]] == digests[order[:-1]])
    for place in same:
        first, second = order[place], order[place + 1]
        yield (
            f"{results[owners[second]][0].name}: record {numbers[second]} has the "
            f"filename of record {numbers[first]} of "
            f"{os.path.basename(results[owners[first]][0].name)}: each image should be "
            "there once"
        )


def _check_statistics(
    data_dir: str, contents: manifest.Manifest, sums: statistics.Accumulator | None
) -> Iterator[str]:
    path = os.path.join(data_dir, manifest.STATISTICS_NAME)
    try:
        stored = statistics.read_statistics(
            data_dir, contents.checksums[manifest.STATISTICS_NAME]
        )
    except errors.DataError as error:
        yield str(error)
        return
    problems = list(_check_consistency(stored))
    if sums is not None:
        problems += _compare_statistics(
            stored, sums.compute(), exact=contents.encoding == "raw"
        )
    yield from (f"{path}: {problem}" for problem in problems)


def _check_consistency(stored: statistics.Statistics) -> Iterator[str]:
    scale = max(1.0, float(np.trace(stored.covariance)))
    if np.abs(stored.mean_image.mean(axis=(0, 1)) - stored.mean_rgb).max() > _ROUNDING:
        yield "mean_rgb is not the mean of mean_image"
    vectors = stored.eigenvectors
    product = vectors * stored.eigenvalues @ vectors.T
    if np.abs(product - stored.covariance).max() > _ROUNDING * scale:
        yield "eigenvalues and eigenvectors are not those of the covariance"
    if np.abs(vectors.T @ vectors - np.eye(3)).max() > _ROUNDING:
        yield "the eigenvectors are not orthonormal"
    if np.any(np.diff(stored.eigenvalues) > 0):
        yield "the eigenvalues are not sorted, largest first"


def _compare_statistics(
    stored: statistics.Statistics, found: statistics.Statistics, exact: bool
) -> Iterator[str]:
    if stored.num_images != found.num_images:
        counts = counted(stored.num_images, "image")
        yield f"counts {counts}, the train split {found.num_images}"
    if stored.mean_image.shape != found.mean_image.shape:
        yield f"mean_image has shape {stored.mean_image.shape}"
        return
    spread = _ONE_IMAGE_RMS_TOLERANCE / np.sqrt(found.num_images)
    trace = float(np.trace(found.covariance))
    mean_difference = np.abs(stored.mean_rgb - found.mean_rgb).max()
    rms = np.sqrt(np.mean((stored.mean_image - found.mean_image) ** 2))
    covariance_difference = np.abs(stored.covariance - found.covariance).max()
    for name, difference, tolerance in (
        ("mean_rgb", mean_difference, _MEAN_RGB_TOLERANCE),
        ("mean_image", rms, _MEAN_IMAGE_RMS_TOLERANCE + spread),
        ("covariance", covariance_difference, 1.0 + _COVARIANCE_TOLERANCE * trace),
    ):
        limit = _ROUNDING * max(1.0, trace) if exact else tolerance
        if difference > limit:
            yield (
                f"{name} differs by {difference:.3g} from that of the train split's "
                f"images (at most {limit:.3g} is allowed)"
            )
