"""One shard: its images read, made 256x256, encoded and written.

This runs in a worker process. The shard stays under a temporary name: giving it its
final name is the business of the process that holds the directory's lock, so that a
worker whose parent was killed can never touch a finished file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

import numpy as np

from tfrecords import errors, limits
from tfrecords.conversion import plan, prepare
from tfrecords.durable import files
from tfrecords.images import decoder
from tfrecords.shards import record_file, schema, statistics
from tfrecords.sources import Source

# Of processor time, so that a busy machine or a slow disk rejects no image.
IMAGE_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class LargestImage:
    """The image with the most pixels, as it was before it was resized."""

    height: int
    width: int
    filename: str


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """A shard under its temporary name, and what is known of it.

    Attributes:
      temporary: where it lies, flushed to the disk.
      num_bytes: its size.
      sha256: its SHA-256, hexadecimal.
      lengths: int64 [N], bytes of each record's data, in their order.
      checksums: uint32 [N], masked CRC-32C of each record's data.
      class_counts: int64 [number of classes].
      rejects: (file name, reason) in the plan's order.
      largest: None where there is no image.
      accumulator: the images' sums in the training split, else None.
    """

    temporary: str
    num_bytes: int
    sha256: str
    lengths: np.ndarray
    checksums: np.ndarray
    class_counts: np.ndarray
    rejects: tuple[tuple[str, str], ...]
    largest: LargestImage | None
    accumulator: statistics.Accumulator | None


def write_shard(
    source: Source,
    shard: plan.ShardPlan,
    settings: plan.ConvertSettings,
    data_dir: str,
    rejected_before: Mapping[int, str],
    report_position: Callable[[int], None],
) -> ShardResult:
    """Writes one shard under a temporary name.

    Memory does not grow with the shard: one image is held at a time.

    Args:
      source: where the images come from.
      shard: which of them, in which order.
      settings: as decided by `plan.make_plan`.
      data_dir: where the shard is written.
      rejected_before: reasons by position in the shard, of images not to be tried.
      report_position: called with each position before its image is read, and with
        their number at the end; may raise to give up.

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
    rejects: list[tuple[str, str]] = []
    largest: LargestImage | None = None
    accumulator = (
        statistics.Accumulator(settings.image_size) if shard.split == "train" else None
    )
    with _open_temporary(os.path.join(data_dir, shard.name)) as file:
        digest, num_bytes = hashlib.sha256(), 0
        for position, row in enumerate(shard.rows.tolist()):
            report_position(position)
            filename = decode_filename(table.filenames[row])
            try:
                if position in rejected_before:
                    raise decoder.ImageError(rejected_before[position])
                image = _read_image(source, shard.split, row, filename)
                with _limit_processor_time():
                    shrunk = prepare.shrink(image, settings)
            except (decoder.ImageError, MemoryError) as error:
                rejects.append((filename, str(error) or "needs too much memory"))
                continue
            label = int(table.labels[row])
            data = schema.encode_image(
                encoded=shrunk.encoded,
                image_format=prepare.get_format(settings),
                label=label,
                synset=source.classes[label].synset,
                text=source.classes[label].text,
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
            class_counts[label] += 1
            if accumulator is not None:
                accumulator.add(shrunk.pixels)
            height, width = shrunk.height, shrunk.width
            if largest is None or height * width > largest.height * largest.width:
                largest = LargestImage(height, width, filename)
        report_position(len(shard.rows))
    return ShardResult(
        temporary=file.name,
        num_bytes=num_bytes,
        sha256=digest.hexdigest(),
        lengths=np.array(lengths, np.int64),
        checksums=np.array(checksums, np.uint32),
        class_counts=class_counts,
        rejects=tuple(rejects),
        largest=largest,
        accumulator=accumulator,
    )


def decode_filename(name: bytes) -> str:
    """A file name of a `ImageTable` as text; bytes that are no UTF-8 survive."""
    return bytes(name).decode(errors="surrogateescape")


@contextlib.contextmanager
def _open_temporary(path: str) -> Iterator[BinaryIO]:
    temporary = files.make_temporary_name(path)
    with files.storage_errors(path):
        try:
            with open(temporary, "wb", buffering=1 << 20) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def _read_image(
    source: Source, split: str, row: int, filename: str
) -> bytes | np.ndarray:
    try:
        return source.read_image(split, row)
    except OSError as error:
        # Not a reject: the disk's fault, or the user's, is not the image's.
        limits.refuse(error)
        raise errors.DataError(
            f"{filename!r} of the {split} split could not be read: "
            f"{error.strerror or error}. Make it readable and run the same command "
            "again."
        ) from error


@contextlib.contextmanager
def _limit_processor_time() -> Iterator[None]:
    """Raises `ImageError` once the block has used `IMAGE_SECONDS` of processor."""

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
