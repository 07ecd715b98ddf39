"""Makes another program's ImageNet TFRecords readable, without copying them.

The shards stay as they are. Reading them once gives what a data directory of ours
holds beside its shards: the class list, counts and checksums (`manifest.json`), the
place of every record (`index.npz`), and the mean image and covariance of the images
as our reader will see them, resized by the converter's rule (`statistics.npz`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TextIO

import numpy as np

from tfrecords import errors, limits
from tfrecords.console import progress, worker_pool
from tfrecords.durable import files, locks, npz
from tfrecords.shards import manifest, record_file, schema, statistics
from tfrecords.verification import foreign_shards, shard_check

SOURCE = "tfrecords"

_MAX_LISTED = 20
_IMAGE_SIZE = 256


@dataclasses.dataclass(frozen=True)
class _ShardTask:
    path: str
    split: str


@dataclasses.dataclass(frozen=True)
class _ShardResult:
    """What a shard holds; `classes` has the names of each label's first record."""

    path: str
    split: str
    info: manifest.ShardInfo
    offsets: list[int]
    lengths: list[int]
    checksums: list[int]
    label_counts: dict[int, int]
    classes: dict[int, manifest.ClassInfo]
    problems: shard_check.ProblemList
    accumulator: statistics.Accumulator | None


def index_records(
    records_dir: str,
    data_dir: str,
    label_offset: int,
    num_workers: int | None = None,
    stream: TextIO | None = None,
    *,
    allow_empty_shards: bool = False,
) -> manifest.Manifest:
    """Reads the shards in `records_dir` and writes what is missing to `data_dir`.

    Args:
      records_dir: holds `<split>-00000-of-01024` and so on; `val` is validation.
      data_dir: where manifest, index and statistics go; made where missing.
      label_offset: the label on disk of the first class, 1 in most of the world.
      num_workers: processes; None for one per processor.
      stream: where progress goes; standard error by default.
      allow_empty_shards: whether a shard may have no bytes, as when a small set was
        cut into many.

    Returns:
      The manifest as written, last of all.

    Raises:
      UserError: where shards are missing, or the labels do not begin at
        `label_offset`, have gaps or names that contradict each other.
      DataError: where a shard has no bytes, a record is damaged or its image cannot
        be decoded; the message lists the first of them.
      InUseError: where another process writes to `data_dir`.
      StorageError: where `data_dir` cannot be written.
    """
    shard_names = foreign_shards.find_shards(records_dir)
    if not allow_empty_shards:
        with files.read_errors(records_dir):
            foreign_shards.refuse_empty(records_dir, shard_names)
    files.make_directory(data_dir)
    with locks.directory_lock(data_dir, "alexnet-index"):
        files.remove_temporary_files(data_dir)
        _refuse_converted(data_dir)
        results = _read_shards(records_dir, shard_names, num_workers, stream)
        _refuse_problems(records_dir, results)
        classes = foreign_shards.make_classes(
            {
                split: [r.label_counts for r in results if r.split == split]
                for split in shard_names
            },
            [r.classes for r in results],
            label_offset,
        )
        return _write(data_dir, records_dir, label_offset, classes, results)


def _refuse_converted(data_dir: str) -> None:
    path = os.path.join(data_dir, manifest.MANIFEST_NAME)
    if os.path.exists(path) and manifest.read_manifest(data_dir).source != SOURCE:
        raise errors.UserError(
            f"{data_dir} was made by alexnet-convert and needs no alexnet-index. "
            "Choose another --data_dir."
        )


def _read_shards(
    records_dir: str,
    shard_names: dict[str, tuple[str, ...]],
    num_workers: int | None,
    stream: TextIO | None,
) -> list[_ShardResult]:
    """The results in the order of the splits and their shards."""
    tasks = [
        _ShardTask(os.path.join(records_dir, name), split)
        for split, names in shard_names.items()
        for name in names
    ]
    line = progress.Progress("indexing", len(tasks), "shards", stream=stream)
    results = {}
    for result in worker_pool.map_unordered(
        _read_shard,
        tasks,
        worker_pool.count_processors() if num_workers is None else num_workers,
    ):
        results[result.path] = result
        line.advance()
    line.close()
    return [results[task.path] for task in tasks]


def _read_shard(task: _ShardTask) -> _ShardResult:
    problems = shard_check.ProblemList(_MAX_LISTED)
    is_train = task.split == "train"
    accumulator = statistics.Accumulator(_IMAGE_SIZE) if is_train else None
    offsets: list[int] = []
    lengths: list[int] = []
    checksums: list[int] = []
    counts: dict[int, int] = {}
    classes: dict[int, manifest.ClassInfo] = {}
    try:
        for number, (offset, data) in enumerate(record_file.scan(task.path)):
            offsets.append(offset)
            lengths.append(len(data))
            checksums.append(record_file.compute_masked_crc(data))
            try:
                record = schema.decode_record(data)
                image = shard_check.decode_pixels(record.image_bytes, "jpeg", 0)
            except errors.DataError as error:
                problems.add(f"{task.path}: record {number} at byte {offset}: {error}")
                continue
            counts[record.label] = counts.get(record.label, 0) + 1
            info = classes.setdefault(
                record.label, manifest.ClassInfo(record.synset, record.text)
            )
            if info.synset != record.synset:
                problems.add(
                    f"{task.path}: record {number} at byte {offset}: its synset is "
                    f"{record.synset!r}, that of an earlier record of label "
                    f"{record.label} is {info.synset!r}"
                )
            if accumulator is not None:
                accumulator.add(image)
    except errors.DataError as error:
        problems.add(str(error))
    except OSError as error:
        limits.refuse(error)
        problems.add(f"{task.path}: cannot be read ({error.strerror})")
    shard_info = manifest.ShardInfo("", 0, 0, "")
    if not problems.count:
        shard_info = manifest.ShardInfo(
            os.path.basename(task.path),
            len(offsets),
            os.path.getsize(task.path),
            files.compute_digest(task.path),
        )
    return _ShardResult(
        task.path,
        task.split,
        shard_info,
        offsets,
        lengths,
        checksums,
        counts,
        classes,
        problems,
        accumulator,
    )


def _refuse_problems(records_dir: str, results: list[_ShardResult]) -> None:
    problems = shard_check.ProblemList(_MAX_LISTED)
    for result in results:
        problems.merge(result.problems)
    if problems.count:
        rest = problems.count - len(problems.lines)
        lines = problems.lines + ([f"... and {rest:,} more"] if rest else [])
        raise errors.DataError(
            f"{records_dir} has records that cannot be used, and nothing was written. "
            "Fetch or make these shards again:\n  " + "\n  ".join(lines)
        )


def _write(
    data_dir: str,
    records_dir: str,
    label_offset: int,
    classes: tuple[manifest.ClassInfo, ...],
    results: list[_ShardResult],
) -> manifest.Manifest:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(data_dir, manifest.MANIFEST_NAME))
    accumulator = statistics.Accumulator(_IMAGE_SIZE)
    splits: dict[str, manifest.SplitInfo] = {}
    arrays: dict[str, np.ndarray] = {}
    for split in dict.fromkeys(result.split for result in results):
        shards = [result for result in results if result.split == split]
        for result in shards:
            if result.accumulator is not None:
                accumulator.merge(result.accumulator)
        splits[split] = manifest.SplitInfo(
            tuple(result.info for result in shards),
            tuple(
                sum(r.label_counts.get(label + label_offset, 0) for r in shards)
                for label in range(len(classes))
            ),
        )
        numbers = np.arange(len(shards), dtype=np.int32)
        arrays[f"{split}/shard"] = np.repeat(numbers, [len(r.offsets) for r in shards])
        arrays[f"{split}/offset"] = np.array(
            [offset for r in shards for offset in r.offsets], np.int64
        )
        arrays[f"{split}/length"] = np.array(
            [length for r in shards for length in r.lengths], np.int64
        )
        arrays[f"{split}/checksum"] = np.array(
            [checksum for r in shards for checksum in r.checksums], np.uint32
        )
    npz.save(os.path.join(data_dir, manifest.INDEX_NAME), arrays)
    statistics.write_statistics(data_dir, accumulator.compute())
    contents = manifest.Manifest(
        source=SOURCE,
        image_size=0,
        encoding="jpeg",
        label_offset=label_offset,
        records_dir=os.path.relpath(records_dir, data_dir),
        settings={},
        classes=classes,
        splits=splits,
        rejects=(),
        inputs=(),
        checksums={
            name: files.compute_digest(os.path.join(data_dir, name))
            for name in (manifest.INDEX_NAME, manifest.STATISTICS_NAME)
        },
    )
    manifest.write_manifest(data_dir, contents)
    return contents
