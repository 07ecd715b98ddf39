"""Makes another program's ImageNet TFRecords usable, without copying them.

The shards are not changed. They are read once to make the other files of a data
directory: the classes, counts and checksums (`manifest.json`), the position of every
record (`index.npz`), and the mean image and covariance of the images as our reader
will see them, resized as the converter does (`statistics.npz`).
"""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Callable, Mapping

import numpy as np

from tfrecords import errors
from tfrecords.console import progress, worker_pool
from tfrecords.durable import files, locks
from tfrecords.shards import directory_files, manifest, record_file, statistics
from tfrecords.shards.directory_files import ShardContents
from tfrecords.verification import foreign_shards, shard_reader

SOURCE = "tfrecords"

_MAX_LISTED = 20


@dataclasses.dataclass(frozen=True)
class _ShardTask:
    name: str  # its path
    split: str


@dataclasses.dataclass(frozen=True)
class _ShardResult:
    """What a shard holds."""

    contents: ShardContents  # without class counts, which need all shards' classes
    label_counts: dict[int, int]
    classes: dict[int, manifest.ClassInfo]  # named by the first record of each label
    problems: shard_reader.ProblemList


def index_records(
    records_dir: str,
    data_dir: str,
    label_offset: int,
    num_workers: int | None = None,
    *,
    allow_empty_shards: bool = False,
) -> manifest.Manifest:
    """Reads the shards in `records_dir` and writes manifest, index and statistics.

    Args:
      records_dir: holds `<split>-00000-of-01024` and so on; `val` is validation.
      data_dir: made if missing; the manifest is written last.
      label_offset: the label on disk of the first class; 1 in most programs' shards.
      num_workers: processes; None for one per processor.
      allow_empty_shards: whether a shard may have no bytes, because a small data set
        was divided into many shards.

    Raises:
      UserError: if shards are missing, or the labels do not begin at `label_offset`,
        have gaps or contradictory names.
      DataError: if a shard has no bytes, a record is damaged or its image cannot be
        decoded; the message lists the first of them.
      InUseError: if another process writes to `data_dir`.
      StorageError: if `data_dir` cannot be written.
    """
    shard_names = foreign_shards.find_shards(records_dir)
    if not allow_empty_shards:
        with files.read_errors(records_dir):
            foreign_shards.refuse_empty(records_dir, shard_names)
    files.make_directory(data_dir)
    with locks.directory_lock(data_dir, "alexnet-index"):
        files.remove_temporary_files(data_dir)
        _refuse_converted(data_dir)
        results = _read_shards(records_dir, shard_names, num_workers)
        everything = [result for each in results.values() for result in each]
        _refuse_problems(records_dir, everything)
        classes = foreign_shards.make_classes(
            {split: [r.label_counts for r in each] for split, each in results.items()},
            [result.classes for result in everything],
            label_offset,
        )
        return directory_files.write(
            data_dir,
            manifest.Manifest(
                source=SOURCE,
                image_size=0,
                encoding="jpeg",
                label_offset=label_offset,
                records_dir=os.path.relpath(records_dir, data_dir),
                settings={},
                classes=classes,
                splits={},
                rejects=(),
                inputs=(),
                checksums={},
            ),
            {
                split: [_count_classes(r, label_offset, len(classes)) for r in each]
                for split, each in results.items()
            },
        )


def _refuse_converted(data_dir: str) -> None:
    path = os.path.join(data_dir, manifest.MANIFEST_NAME)
    if os.path.exists(path) and manifest.read_manifest(data_dir).source != SOURCE:
        raise errors.UserError(
            f"{data_dir} was made by alexnet-convert and needs no alexnet-index. "
            "Choose another --data_dir."
        )


def _read_shards(
    records_dir: str, shard_names: dict[str, tuple[str, ...]], num_workers: int | None
) -> dict[str, list[_ShardResult]]:
    """What the shards of each split hold, in order."""
    tasks = [
        _ShardTask(os.path.join(records_dir, name), split)
        for split, names in shard_names.items()
        for name in names
    ]
    line = progress.Progress("indexing", len(tasks), "shards")
    found: dict[str, _ShardResult] = {}
    with worker_pool.WorkerPool(
        _read_shard, num_workers, in_process_if_alone=True
    ) as pool:
        for task, result in pool.run(tasks):
            found[task.name] = result
            line.advance()
    line.close()
    return {
        split: [found[task.name] for task in tasks if task.split == split]
        for split in shard_names
    }


def _read_shard(
    task: _ShardTask,
    rejected: Mapping[int, str],
    report_position: Callable[[int], None],
) -> _ShardResult:
    problems = shard_reader.ProblemList(_MAX_LISTED)
    accumulator = None
    if task.split == "train":
        accumulator = statistics.Accumulator(manifest.STORED_SIZE)
    lengths: list[int] = []
    checksums: list[int] = []
    counts: collections.Counter[int] = collections.Counter()
    classes: dict[int, manifest.ClassInfo] = {}
    for read in shard_reader.read_records(
        task.name, problems, rejected, report_position
    ):
        lengths.append(len(read.data))
        checksums.append(record_file.compute_masked_crc(read.data))
        if read.record is None or read.image is None:
            continue
        label, synset = read.record.label, read.record.synset
        counts[label] += 1
        info = classes.setdefault(label, manifest.ClassInfo(synset, read.record.text))
        if info.synset != synset:
            problems.add(
                f"{read.place}: its synset is {synset!r}, but an earlier record with "
                f"label {label} has {info.synset!r}"
            )
        if accumulator is not None:
            accumulator.add(read.image)
    info_of_shard = manifest.ShardInfo("", 0, 0, "")
    if not problems.count:
        info_of_shard = manifest.ShardInfo(
            os.path.basename(task.name),
            len(lengths),
            os.path.getsize(task.name),
            files.compute_digest(task.name),
        )
    contents = ShardContents(
        info=info_of_shard,
        lengths=np.array(lengths, np.int64),
        checksums=np.array(checksums, np.uint32),
        class_counts=np.zeros(0, np.int64),
        accumulator=accumulator,
    )
    return _ShardResult(contents, counts, classes, problems)


def _count_classes(
    result: _ShardResult, label_offset: int, num_classes: int
) -> ShardContents:
    counts = [result.label_counts.get(k + label_offset, 0) for k in range(num_classes)]
    return dataclasses.replace(result.contents, class_counts=np.array(counts, np.int64))


def _refuse_problems(records_dir: str, results: list[_ShardResult]) -> None:
    problems = shard_reader.ProblemList(_MAX_LISTED)
    for result in results:
        problems.merge(result.problems)
    if problems.count:
        rest = problems.count - len(problems.lines)
        lines = problems.lines + ([f"... and {rest:,} more"] if rest else [])
        raise errors.DataError(
            f"{records_dir} has records that cannot be used, and nothing was written. "
            "Fetch or make these shards again:\n  " + "\n  ".join(lines)
        )
