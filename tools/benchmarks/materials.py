"""What subjects work on: shards and images, drawn where none are given.

Drawn images (`sample_source`) are as large as the data set's, but smoother
than photographs: they decode faster, for us and for every peer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import tempfile
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tfrecords import errors
from tfrecords.conversion import convert, plan
from tfrecords.durable import files
from tfrecords.images import decoder
from tfrecords.shards import manifest, record_file, record_index, record_reader, schema
from tfrecords.sources import Source, stored
from tfrecords.sources.sample import sample_source

DRAWN = (
    "The images are drawn ones, smoother than photographs: give --data_dir for yours."
)
_NUM_CLASSES = 20


@contextlib.contextmanager
def temporary_folder() -> Iterator[str]:
    """A folder for the length of a `with` block; TMPDIR says on which disk."""
    with tempfile.TemporaryDirectory(prefix="alexnet-benchmark-") as folder:
        yield folder


def make_data(
    data_dir: str | None,
    folder: str,
    num_train: int,
    num_validation: int = 0,
    encoding: str = "jpeg",
) -> str:
    """A data directory of about this many images.

    Args:
      data_dir: shards whose first images are taken; None: images are drawn.
      folder: where the new directory is made.
      num_train: training images; drawn ones are rounded up to the next twenty.
      num_validation: validation images, likewise.
      encoding: "jpeg" or "raw".

    Returns:
      The new directory's path.
    """
    wanted = {"train": num_train, "validation": num_validation}
    source: Source
    if data_dir is None:
        counts = [-(-count // _NUM_CLASSES) for count in wanted.values()]
        source = sample_source.open_sample(*counts)
    else:
        source = open_shards(data_dir, wanted)
    path = os.path.join(folder, encoding)
    # The summary is not the benchmark's.
    with contextlib.redirect_stdout(io.StringIO()):
        convert.convert(source, path, plan.ConvertSettings(encoding=encoding))
    return path


def open_shards(data_dir: str, wanted: dict[str, int]) -> stored.StoredImages:
    """The first images of JPEG shards as a source.

    Args:
      data_dir: the shards.
      wanted: how many of each split, at most.

    Returns:
      A source whose containers are the shards.
    """
    info = manifest.read_manifest(data_dir)
    containers: list[str] = []
    splits = {}
    for split, count in wanted.items():
        if split not in info.splits or not count:
            continue
        index = record_index.read_index(data_dir, info, split)
        builder = stored.TableBuilder()
        reader = record_reader.RecordReader(index)
        for row in range(min(count, index.num_records)):
            serialized = reader.read(row)
            image = schema.decode_record(serialized)
            start = int(index.offset[row]) + record_file.HEADER_BYTES
            builder.add(
                [f"{row:08d}.JPEG".encode()],
                [image.label - info.label_offset],
                len(containers) + int(index.shard[row]),
                [start + serialized.index(image.image_bytes)],
                [len(image.image_bytes)],
            )
        reader.close()
        containers += index.paths
        splits[split] = builder.build()
    return stored.StoredImages(
        name="shards",
        containers=containers,
        classes=info.classes,
        splits=splits,
        inputs=(),
        applies_orientation=False,
        settings=dict(wanted),
        remarks=(),
    )


def count_records(data_dir: str, split: str) -> int:
    """How many images a split of a data directory holds."""
    return manifest.read_manifest(data_dir).get_split(split).num_records


def count_classes(data_dir: str) -> int:
    """How many classes a data directory has."""
    return manifest.read_manifest(data_dir).num_classes


def draw_photographs(
    folder: str, count: int, size: tuple[int, int] = (500, 375)
) -> list[str]:
    """Writes drawn images as large as ImageNet's are on average.

    Args:
      folder: for the files.
      count: how many.
      size: width and height, pixels.

    Returns:
      The files' paths.
    """
    source = sample_source.open_sample(-(-count // _NUM_CLASSES), 0)
    paths = []
    for number in range(count):
        # Class after class: every image another one.
        row = number * len(source.splits["train"].labels) // count
        image = decoder.decode_pixels(
            source.read_image("train", row), apply_orientation=False
        )
        enlarged = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
        stream = io.BytesIO()
        enlarged.save(stream, "JPEG", quality=95)
        paths.append(os.path.join(folder, f"{number:05d}.jpg"))
        files.write_bytes(paths[-1], stream.getvalue())
    return paths


def find_photographs(source_dir: str, count: int) -> list[str]:
    """The first `count` images below `source_dir`, sorted by their paths.

    Raises:
      UserError: where there are none.
    """
    found = [
        os.path.join(parent, name)
        for parent, _, names in os.walk(source_dir)
        for name in names
        if name.lower().endswith((".jpg", ".jpeg"))
    ]
    if not found:
        raise errors.UserError(
            f"there is no JPEG below {source_dir}. Name a folder that has some as "
            "--source_dir, or leave it out: then images are drawn."
        )
    return sorted(found)[:count]


@dataclasses.dataclass(frozen=True)
class EncodedImages:
    """JPEG images in memory, with their labels.

    Attributes:
      images: the files' bytes.
      labels: int32 [N].
    """

    images: list[bytes]
    labels: np.ndarray


def read_encoded(data_dir: str, count: int) -> EncodedImages:
    """The first `count` training images of JPEG shards."""
    info = manifest.read_manifest(data_dir)
    index = record_index.read_index(data_dir, info, "train")
    reader = record_reader.RecordReader(index)
    rows = range(min(count, index.num_records))
    read = [schema.decode_record(reader.read(row)) for row in rows]
    labels = np.array([image.label for image in read], np.int32)
    return EncodedImages([image.image_bytes for image in read], labels)
