"""Checks one shard from its first byte to its last image; runs in a worker."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from tfrecords import errors, limits
from tfrecords.console import worker_pool
from tfrecords.durable import files
from tfrecords.images import decoder, resize
from tfrecords.shards import manifest, record_file, schema, statistics

SHARD_NAME = re.compile(r"(train|validation|val|test)-(\d{5})-of-(\d{5})")

_MAX_SHARD_PROBLEMS = 100
# The side to which images of other sizes are resized when read.
STORED_SIZE = 256


class ProblemList:
    """Lines that say what is wrong: all are counted, the first `limit` are kept."""

    def __init__(self, limit: int):
        self._limit = limit
        self.lines: list[str] = []
        self.count = 0

    def add(self, line: str) -> None:
        self.count += 1
        if len(self.lines) < self._limit:
            self.lines.append(line)

    def extend(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.add(line)

    def merge(self, other: ProblemList) -> None:
        self.lines += other.lines[: self._limit - len(self.lines)]
        self.count += other.count


@dataclasses.dataclass(frozen=True)
class ShardTask:
    """A shard and what it should hold.

    Attributes:
      name: path of the shard, an existing file.
      split: its split.
      position: its index among the split's shards.
      info: the manifest's entry.
      encoding: "jpeg" or "raw".
      image_size: side of the stored images; 0 if they keep their own sizes.
      label_offset: the label on disk of class 0.
      classes: in the order of their labels.
      offsets: int64 [N] from the index; None if the index is damaged.
      lengths: int64 [N] from the index; None if the index is damaged.
      checksums: uint32 [N] from the index; None if it is damaged or has none.
    """

    name: str
    split: str
    position: int
    info: manifest.ShardInfo
    encoding: str
    image_size: int
    label_offset: int
    classes: tuple[manifest.ClassInfo, ...]
    offsets: np.ndarray | None
    lengths: np.ndarray | None
    checksums: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """What a shard holds.

    Attributes:
      problems: what is wrong with it.
      is_complete: whether each of its records was read and decoded.
      num_records: records read.
      num_bytes: its size.
      class_counts: int64 [num_classes].
      filename_digests: uint64 [M], of the filenames that the records have.
      filename_numbers: int64 [M], the numbers of those records.
      accumulator: sums over the images of a training shard; None for other splits.
    """

    problems: ProblemList
    is_complete: bool
    num_records: int
    num_bytes: int
    class_counts: np.ndarray
    filename_digests: np.ndarray
    filename_numbers: np.ndarray
    accumulator: statistics.Accumulator | None


def check_shard(
    task: ShardTask,
    rejected: Mapping[int, str],
    report_position: Callable[[int], None],
) -> ShardResult:
    """Reads the shard of `task` and compares it with all that is known of it.

    Args:
      task: the shard.
      rejected: reasons by record number, of images not to be decoded.
      report_position: called with the number of each record before it is decoded.
    """
    problems = ProblemList(_MAX_SHARD_PROBLEMS)
    side = task.image_size or STORED_SIZE
    accumulator = statistics.Accumulator(side) if task.split == "train" else None
    class_counts = np.zeros(len(task.classes), np.int64)
    digests, numbers = [], []
    num_records = num_good = 0
    num_bytes = _check_file(task, problems)
    for number, offset, data in _read_records(task, num_bytes, problems):
        report_position(number)
        num_records += 1
        place = f"{task.name}: record {number} at byte {offset}"
        try:
            record = schema.decode_record(data)
            problems.extend(f"{place}: {r}" for r in _check_record(task, record))
            label = record.label - task.label_offset
            if 0 <= label < len(class_counts):
                class_counts[label] += 1
            if record.filename:
                digests.append(_compute_filename_digest(record.filename))
                numbers.append(number)
            if number in rejected:
                raise errors.DataError(rejected[number])
            image = decode_pixels(record.image_bytes, task.encoding, task.image_size)
        except errors.DataError as error:
            problems.add(f"{place}: {error}")
            continue
        num_good += 1
        if accumulator is not None:
            accumulator.add(image)
    report_position(worker_pool.BETWEEN_ITEMS)
    return ShardResult(
        problems=problems,
        is_complete=num_good == num_records == task.info.num_records,
        num_records=num_records,
        num_bytes=num_bytes,
        class_counts=class_counts,
        filename_digests=np.array(digests, np.uint64),
        filename_numbers=np.array(numbers, np.int64),
        accumulator=accumulator,
    )


def decode_pixels(image_bytes: bytes, encoding: str, image_size: int) -> np.ndarray:
    """The pixels of a record.

    Args:
      image_bytes: `image/encoded`.
      encoding: "jpeg" or "raw".
      image_size: what the image's sides must be; 0 for an image of any size, which is
        resized as the converter does.

    Returns:
      uint8 [image_size, image_size, 3], or [256, 256, 3] where image_size is 0.

    Raises:
      DataError: if it cannot be decoded or has another size.
    """
    if encoding == "raw":
        if len(image_bytes) != image_size * image_size * 3:
            raise errors.DataError(
                f"the raw image has {len(image_bytes)} bytes, not "
                f"{image_size} * {image_size} * 3"
            )
        pixels = np.frombuffer(image_bytes, np.uint8)
        return pixels.reshape(image_size, image_size, 3)
    try:
        image = decoder.decode_pixels(image_bytes, apply_orientation=False)
    except decoder.ImageError as error:
        raise errors.DataError(f"the image cannot be decoded: {error}") from error
    if not image_size:
        return resize.resize_and_crop(image, STORED_SIZE)
    if not image_bytes.startswith(b"\xff\xd8"):
        raise errors.DataError("the image is not a JPEG")
    if image.shape != (image_size, image_size, 3):
        raise errors.DataError(
            f"the image has the shape {image.shape}, not {image_size} x {image_size}"
        )
    return image


def _check_file(task: ShardTask, problems: ProblemList) -> int:
    """Compares size and SHA-256; returns the size in bytes."""
    try:
        num_bytes = os.path.getsize(task.name)
        digest = files.compute_digest(task.name)
    except OSError as error:
        limits.refuse(error)
        problems.add(f"{task.name}: cannot be read ({error.strerror})")
        return 0
    if num_bytes != task.info.num_bytes:
        problems.add(
            f"{task.name}: has {num_bytes:,} bytes, the manifest says "
            f"{task.info.num_bytes:,}"
        )
    elif digest != task.info.sha256:
        problems.add(f"{task.name}: its SHA-256 is not the manifest's")
    return num_bytes


def _read_records(
    task: ShardTask, num_bytes: int, problems: ProblemList
) -> Iterator[tuple[int, int, bytes]]:
    """Yields (number, offset, data) of every record that can be read.

    After a damaged record the index leads to the next ones, if the file has the right
    size.
    """
    number = 0
    try:
        for offset, data in record_file.scan(task.name):
            if reason := _compare_with_index(task, number, offset, data):
                problems.add(f"{task.name}: record {number} at byte {offset} {reason}")
            yield number, offset, data
            number += 1
    except errors.DataError as error:
        problems.add(str(error))
    except OSError as error:
        limits.refuse(error)
        return  # Already a problem: its SHA-256 could not be computed either.
    else:
        if number != task.info.num_records:
            problems.add(
                f"{task.name}: has {number} records, the manifest says "
                f"{task.info.num_records}"
            )
        return
    if task.offsets is None or task.lengths is None or num_bytes != task.info.num_bytes:
        return
    with open(task.name, "rb") as file:
        for later in range(number + 1, len(task.offsets)):
            offset, length = int(task.offsets[later]), int(task.lengths[later])
            try:
                data = record_file.read_record(
                    file.fileno(), task.name, offset, length, later
                )
            except errors.DataError as error:
                problems.add(str(error))
                continue
            yield later, offset, data


def _compare_with_index(
    task: ShardTask, number: int, offset: int, data: bytes
) -> str | None:
    if task.offsets is None or task.lengths is None or number >= len(task.offsets):
        return None  # The index or the record count is already a problem.
    if (task.offsets[number], task.lengths[number]) != (offset, len(data)):
        return f"has {len(data)} bytes and is not where the index says"
    if task.checksums is None:
        return None
    if record_file.compute_masked_crc(data) != int(task.checksums[number]):
        return "is not the record that the index lists (checksum)"
    return None


def _check_record(task: ShardTask, record: schema.ImageRecord) -> Iterator[str]:
    label = record.label - task.label_offset
    if not 0 <= label < len(task.classes):
        yield (
            f"its label is {record.label}, not one of {task.label_offset} to "
            f"{task.label_offset + len(task.classes) - 1}"
        )
    elif task.image_size:
        info = task.classes[label]
        if (record.synset, record.text) != (info.synset, info.text):
            yield (
                f"its class is {record.synset!r} ({record.text!r}), but label "
                f"{record.label} is {info.synset!r} ({info.text!r})"
            )
    elif record.synset and record.synset != task.classes[label].synset:
        yield (
            f"its class is {record.synset!r}, but label {record.label} is "
            f"{task.classes[label].synset!r}"
        )
    if not task.image_size:
        return
    expected = schema.FORMAT_RAW if task.encoding == "raw" else schema.FORMAT_JPEG
    if record.image_format != expected:
        yield f"its format is {record.image_format!r}, not {expected!r}"
    if (record.height, record.width) != (task.image_size, task.image_size):
        yield (
            f"its size is {record.height} x {record.width}, not {task.image_size} x "
            f"{task.image_size}"
        )
    if not record.filename:
        yield "it has no filename"


def _compute_filename_digest(filename: str) -> int:
    # 14 million names have two equal 64-bit digests by chance in one of 200,000 data
    # sets.
    name = filename.encode(errors="surrogateescape")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")
