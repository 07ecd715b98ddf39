"""Compares one shard with what is known of it; runs in a worker."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tfrecords import limits
from tfrecords.durable import files
from tfrecords.shards import manifest, record_file, record_index, schema, statistics
from tfrecords.verification import shard_reader

SHARD_NAME = re.compile(r"(train|validation|val|test)-(\d{5})-of-(\d{5})")

_MAX_SHARD_PROBLEMS = 100


@dataclasses.dataclass(frozen=True)
class ShardTask:
    """A shard and what it should hold."""

    name: str  # its path; the file exists
    split: str
    position: int  # among the split's shards
    info: manifest.ShardInfo
    index: record_index.RecordIndex | None  # None if the index is damaged


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """What a shard holds."""

    problems: shard_reader.ProblemList
    is_complete: bool  # whether each of its records was read and decoded
    num_records: int  # read
    num_bytes: int
    class_counts: np.ndarray  # int64 [num_classes]
    # uint64 [M], of the filenames that records have; int64 [M], those records' numbers.
    filename_digests: np.ndarray
    filename_numbers: np.ndarray
    accumulator: statistics.Accumulator | None  # of a training shard's images


def check_shard(
    contents: manifest.Manifest,
    task: ShardTask,
    rejected: Mapping[int, str],
    report_position: Callable[[int], None],
) -> ShardResult:
    """Reads the shard of `task` and compares it with manifest and index.

    `rejected` and `report_position`: see `shard_reader.read_records`.
    """
    problems = shard_reader.ProblemList(_MAX_SHARD_PROBLEMS)
    side = contents.stored_size
    accumulator = statistics.Accumulator(side) if task.split == "train" else None
    class_counts = np.zeros(contents.num_classes, np.int64)
    digests, numbers = [], []
    num_records = num_good = 0
    num_bytes = _check_file(task, problems)
    records = shard_reader.read_records(
        task.name,
        problems,
        rejected,
        report_position,
        encoding=contents.encoding,
        image_size=contents.image_size,
        num_records=task.info.num_records,
        index=task.index if num_bytes == task.info.num_bytes else None,
    )
    for read in records if num_bytes is not None else ():
        num_records += 1
        if reason := _compare_with_index(task, read):
            problems.add(f"{read.place} {reason}")
        if read.record is None:
            continue
        problems.extend(
            f"{read.place}: {reason}"
            for reason in _check_record(contents, task.split, read.record)
        )
        label = read.record.label - contents.label_offset
        if 0 <= label < len(class_counts):
            class_counts[label] += 1
        if read.record.filename:
            digests.append(_compute_filename_digest(read.record.filename))
            numbers.append(read.number)
        if read.image is None:
            continue
        num_good += 1
        if accumulator is not None:
            accumulator.add(read.image)
    return ShardResult(
        problems=problems,
        is_complete=num_good == num_records == task.info.num_records,
        num_records=num_records,
        num_bytes=num_bytes or 0,
        class_counts=class_counts,
        filename_digests=np.array(digests, np.uint64),
        filename_numbers=np.array(numbers, np.int64),
        accumulator=accumulator,
    )


def _check_file(task: ShardTask, problems: shard_reader.ProblemList) -> int | None:
    """Compares size and SHA-256; returns the size in bytes, None if unreadable."""
    try:
        num_bytes = os.path.getsize(task.name)
        digest = files.compute_digest(task.name)
    except OSError as error:
        limits.refuse(error)
        problems.add(f"{task.name}: cannot be read ({error.strerror})")
        return None
    if num_bytes != task.info.num_bytes:
        problems.add(
            f"{task.name}: has {num_bytes:,} bytes, the manifest says "
            f"{task.info.num_bytes:,}"
        )
    elif digest != task.info.sha256:
        problems.add(f"{task.name}: its SHA-256 is not the manifest's")
    return num_bytes


def _compare_with_index(task: ShardTask, read: shard_reader.ReadRecord) -> str | None:
    index = task.index
    if index is None or read.number >= index.num_records:
        return None  # The index or the record count is already a problem.
    found = read.offset, len(read.data)
    if found != (index.offset[read.number], index.length[read.number]):
        return f"has {len(read.data)} bytes and is not where the index says"
    if index.checksum is None:
        return None
    if record_file.compute_masked_crc(read.data) != int(index.checksum[read.number]):
        return "is not the record that the index lists (checksum)"
    return None


def _check_record(
    contents: manifest.Manifest, split: str, record: schema.ImageRecord
) -> Iterator[str]:
    label = record.label - contents.label_offset
    if not contents.splits[split].is_labelled:
        if (record.label, record.synset, record.text) != (schema.NO_LABEL, "", ""):
            yield (
                f"its split has no labels, but its label is {record.label} and its "
                f"class {record.synset!r} ({record.text!r})"
            )
    elif not 0 <= label < len(contents.classes):
        yield (
            f"its label is {record.label}, not one of {contents.label_offset} to "
            f"{contents.label_offset + len(contents.classes) - 1}"
        )
    elif contents.image_size:
        info = contents.classes[label]
        if (record.synset, record.text) != (info.synset, info.text):
            yield (
                f"its class is {record.synset!r} ({record.text!r}), but label "
                f"{record.label} is {info.synset!r} ({info.text!r})"
            )
    elif record.synset and record.synset != contents.classes[label].synset:
        yield (
            f"its class is {record.synset!r}, but label {record.label} is "
            f"{contents.classes[label].synset!r}"
        )
    if not contents.image_size:
        return
    expected = schema.FORMATS[contents.encoding]
    if record.image_format != expected:
        yield f"its format is {record.image_format!r}, not {expected!r}"
    if (record.height, record.width) != (contents.image_size, contents.image_size):
        yield (
            f"its size is {record.height} x {record.width}, not "
            f"{contents.image_size} x {contents.image_size}"
        )
    if not record.filename:
        yield "it has no filename"


def _compute_filename_digest(filename: str) -> int:
    # 14 million names have two equal 64-bit digests by chance in one of 200,000 data
    # sets.
    name = filename.encode(errors="surrogateescape")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")
