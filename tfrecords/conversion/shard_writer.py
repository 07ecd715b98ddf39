"""Writes one shard: reads its images, makes them 256x256 and encodes them.

This runs in a worker process. The shard keeps a temporary name: only the process that
holds the directory's lock gives it its final name, so that a worker whose parent was
killed can never change a finished file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tfrecords import errors, limits
from tfrecords.console import worker_pool
from tfrecords.conversion import plan, prepare
from tfrecords.durable import files
from tfrecords.images import decoder
from tfrecords.shards import manifest, record_file, schema, statistics
from tfrecords.shards.directory_files import ShardContents
from tfrecords.sources import Source

# Of processor time: a busy machine or a slow disk must not reject an image.
IMAGE_SECONDS = 60.0
_UNKNOWN_CLASS = manifest.ClassInfo("", "")


@dataclasses.dataclass(frozen=True)
class LargestImage:
    """The image with the most pixels, before it was resized."""

    height: int
    width: int
    filename: str


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """A shard under its temporary name, and what is known of it."""

    temporary: str  # its path; the file is flushed to the disk
    contents: ShardContents
    rejects: tuple[manifest.Reject, ...]  # in the order of the plan
    largest: LargestImage | None  # None if the shard has no image


def write_shard(
    source: Source,
    settings: plan.ConvertSettings,
    data_dir: str,
    shard: plan.ShardPlan,
    rejected: Mapping[int, str],
    report_position: Callable[[int], None],
) -> ShardResult:
    """Writes one shard under a temporary name.

    Memory does not grow with the shard: one image is held at a time. The settings are
    those completed by `plan.make_plan`; `rejected` and `report_position` are the pool's
    (`worker_pool.Work`).

    Returns:
      The shard; every image of the plan is either a record or a reject.

    Raises:
      StorageError: if the disk is full, read-only or failing; nothing is left behind.
      DataError: if the source cannot be read as it was listed.
    """
    table = source.splits[shard.split]
    lengths: list[int] = []
    checksums: list[int] = []
    class_counts = np.zeros(len(source.classes), np.int64)
    rejects: list[manifest.Reject] = []
    largest: LargestImage | None = None
    accumulator = (
        statistics.Accumulator(settings.image_size) if shard.split == "train" else None
    )
    path = os.path.join(data_dir, shard.name)
    with files.atomic_write(path, publishes=False) as file:
        digest, num_bytes = hashlib.sha256(), 0
        for position, row in enumerate(shard.rows.tolist()):
            report_position(position)
            filename = decode_filename(table.filenames[row])
            try:
                if position in rejected:
                    raise decoder.ImageError(rejected[position])
                image = _read_image(source, shard.split, row, filename)
                with _limit_processor_time():
                    prepared = prepare.prepare(image, settings)
            except (decoder.ImageError, MemoryError) as error:
                reason = str(error) or "it needs too much memory"
                rejects.append(manifest.Reject(shard.split, filename, reason))
                continue
            label = int(table.labels[row])
            info = _UNKNOWN_CLASS if label == schema.NO_LABEL else source.classes[label]
            data = schema.encode_image(
                encoded=prepared.encoded,
                image_format=schema.FORMATS[settings.encoding],
                label=label,
                synset=info.synset,
                text=info.text,
                filename=filename,
                height=settings.image_size,
                width=settings.image_size,
            )
            record = record_file.frame(data)
            file.write(record)
            digest.update(record)
            num_bytes += len(record)
            lengths.append(len(data))
            checksums.append(record_file.get_checksum(record))
            if label != schema.NO_LABEL:
                class_counts[label] += 1
            if accumulator is not None:
                accumulator.add(prepared.pixels)
            height, width = prepared.height, prepared.width
            if largest is None or height * width > largest.height * largest.width:
                largest = LargestImage(height, width, filename)
        report_position(worker_pool.BETWEEN_ITEMS)
    return ShardResult(
        temporary=file.name,
        contents=ShardContents(
            info=manifest.ShardInfo(
                shard.name, len(lengths), num_bytes, digest.hexdigest()
            ),
            lengths=np.array(lengths, np.int64),
            checksums=np.array(checksums, np.uint32),
            class_counts=class_counts,
            accumulator=accumulator,
        ),
        rejects=tuple(rejects),
        largest=largest,
    )


def decode_filename(name: bytes) -> str:
    """A file name of an `ImageTable` as text; bytes that are not UTF-8 survive."""
    return bytes(name).decode(errors="surrogateescape")


def _read_image(
    source: Source, split: str, row: int, filename: str
) -> bytes | np.ndarray:
    try:
        return source.read_image(split, row)
    except OSError as error:
        # Not a reject: the disk or the user is at fault, not the image.
        limits.refuse(error)
        raise errors.DataError(
            f"{filename!r} of the {split} split could not be read: "
            f"{error.strerror or error}. Make it readable and run the same command "
            "again: finished shards are kept."
        ) from error


@contextlib.contextmanager
def _limit_processor_time() -> Iterator[None]:
    """Raises `ImageError` once the block has used `IMAGE_SECONDS` of processor time."""

    def give_up(signal_number: int, frame: object) -> None:
        raise decoder.ImageError(
            f"decoding took more than {IMAGE_SECONDS:.0f} s of processor time"
        )

    signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, IMAGE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
