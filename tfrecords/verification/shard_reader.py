"""Reads one shard from its first byte to its last image; faults become problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from tfrecords import errors, limits
from tfrecords.console import worker_pool
from tfrecords.images import decoder, resize
from tfrecords.plurals import counted
from tfrecords.shards import manifest, record_file, record_index, schema


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


class ReadRecord(NamedTuple):
    """A record whose frame is sound."""

    number: int  # in the shard, from 0
    offset: int  # of its header, in bytes
    data: bytes  # the serialized Example
    place: str  # shard, number and offset, for a message
    record: schema.ImageRecord | None  # None if the data is no image's Example
    image: np.ndarray | None  # see `decode_pixels`; None if it was not decoded


def read_records(
    path: str,
    problems: ProblemList,
    rejected: Mapping[int, str],
    report_position: Callable[[int], None],
    *,
    encoding: str = "jpeg",
    image_size: int = 0,
    num_records: int | None = None,
    index: record_index.RecordIndex | None = None,
) -> Iterator[ReadRecord]:
    """Yields every record that can be read, and adds what is wrong to `problems`.

    `rejected` and `report_position` are the pool's (`worker_pool.Work`), `encoding` and
    `image_size` the manifest's. `num_records` is what the shard should hold. `index`,
    if it fits the file, leads to the records after a damaged one.
    """
    for number, offset, data in _read_frames(path, problems, num_records, index):
        report_position(number)
        place = f"{path}: record {number} at byte {offset}"
        record = image = None
        try:
            record = schema.decode_record(data)
            if number in rejected:
                raise errors.DataError(rejected[number])
            image = decode_pixels(record.image_bytes, encoding, image_size)
        except errors.DataError as error:
            problems.add(f"{place}: {error}")
        yield ReadRecord(number, offset, data, place, record, image)
    report_position(worker_pool.BETWEEN_ITEMS)


def decode_pixels(image_bytes: bytes, encoding: str, image_size: int) -> np.ndarray:
    """The pixels of `image/encoded`, uint8 [image_size, image_size, 3].

    Where `image_size` is 0, an image of any size is resized to [256, 256, 3], as the
    converter does. Raises `DataError` if it cannot be decoded or has another size.
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
        return resize.resize_and_crop(image, manifest.STORED_SIZE)
    if not image_bytes.startswith(b"\xff\xd8"):
        raise errors.DataError("the image is not a JPEG")
    if image.shape != (image_size, image_size, 3):
        raise errors.DataError(
            f"the image has the shape {image.shape}, not {image_size} x {image_size}"
        )
    return image


def _read_frames(
    path: str,
    problems: ProblemList,
    num_records: int | None,
    index: record_index.RecordIndex | None,
) -> Iterator[tuple[int, int, bytes]]:
    """Yields (number, offset, data); see `read_records`."""
    number = 0
    try:
        for offset, data in record_file.scan(path):
            yield number, offset, data
            number += 1
        if num_records not in (None, number):
            problems.add(
                f"{path}: has {counted(number, 'record')}, the manifest says "
                f"{num_records}"
            )
        return
    except errors.DataError as error:
        problems.add(str(error))
    except OSError as error:
        limits.refuse(error)
        problems.add(f"{path}: cannot be read ({error.strerror})")
        return
    if index is None:
        return
    with open(path, "rb") as file:
        for later in range(number + 1, index.num_records):
            offset, length = int(index.offset[later]), int(index.length[later])
            try:
                data = record_file.read_record(
                    file.fileno(), path, offset, length, later
                )
            except errors.DataError as error:
                problems.add(str(error))
                continue
            yield later, offset, data
