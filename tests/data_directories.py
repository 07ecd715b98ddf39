"""Small data directories for tests, made with low-level modules only.

The images are smooth colour noise around a colour of their class, so that a
network can learn the classes and JPEG changes the pixels little.
"""

from __future__ import annotations

import colorsys
import io
import os
from collections.abc import Mapping

import numpy as np
from PIL import Image

from tfrecords import stable_random
from tfrecords.durable import files, npz
from tfrecords.shards import manifest, record_file, schema
from tfrecords.shards import statistics as statistics_lib

IMAGE_SIZE = 256


def make_classes(num_classes: int) -> tuple[manifest.ClassInfo, ...]:
    """Classes n00000001, n00000002, ..., called "class 0", "class 1", ..."""
    return tuple(
        manifest.ClassInfo(f"n{label + 1:08d}", f"class {label}")
        for label in range(num_classes)
    )


def draw_image(
    label: int,
    num_classes: int,
    generator: np.random.Generator,
    height: int = IMAGE_SIZE,
    width: int = IMAGE_SIZE,
) -> np.ndarray:
    """An image of class `label`: uint8 [height, width, 3]."""
    colour = 255.0 * np.array(colorsys.hsv_to_rgb(label / num_classes, 0.7, 0.7))
    coarse = np.clip(colour + generator.normal(0.0, 25.0, (8, 8, 3)), 0, 255)
    image = Image.fromarray(coarse.astype(np.uint8))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def encode_jpeg(image: np.ndarray, quality: int = 95) -> bytes:
    """`image`, uint8 [height, width, 3], as a JPEG with 4:4:4 sampling."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality, subsampling=0)
    return stream.getvalue()


def write_data_directory(
    path: str | os.PathLike[str],
    num_classes: int = 2,
    per_class: int | Mapping[str, int] = 4,
    encoding: str = "jpeg",
    seed: int = 0,
    num_shards: int | Mapping[str, int] = 2,
) -> manifest.Manifest:
    """Writes a whole data directory: shards, index, statistics, manifest.

    Args:
      path: the directory; created where missing.
      num_classes: how many classes.
      per_class: images of each class in every split, or by split name. A number
        makes the splits "train" and "validation".
      encoding: "jpeg" or "raw".
      seed: another seed makes other images in another order.
      num_shards: of each split, or by split name.

    Returns:
      The manifest as written. The bytes depend on the arguments alone.
    """
    data_dir = os.fspath(path)
    os.makedirs(data_dir, exist_ok=True)
    if isinstance(per_class, int):
        per_class = {"train": per_class, "validation": per_class}
    if isinstance(num_shards, int):
        num_shards = dict.fromkeys(per_class, num_shards)
    accumulator = statistics_lib.Accumulator(IMAGE_SIZE)
    splits, index = {}, {}
    for split, count in per_class.items():
        records = []
        order = stable_random.make_permutation(
            num_classes * count, seed, schema.SPLITS.index(split)
        )
        for row in order:
            label, number = divmod(int(row), count)
            # An image depends only on its name, not on its position.
            generator = np.random.default_rng(
                [seed, schema.SPLITS.index(split), label, number]
            )
            image = draw_image(label, num_classes, generator)
            if split == "train":
                accumulator.add(image)
            records.append(
                make_record(image, label, number, split, num_classes, encoding)
            )
        shards, index_arrays = write_shards(data_dir, split, records, num_shards[split])
        splits[split] = manifest.SplitInfo(shards, (count,) * num_classes)
        index.update(index_arrays)
    npz.save(os.path.join(data_dir, manifest.INDEX_NAME), index)
    statistics_lib.write_statistics(data_dir, accumulator.compute())
    result = manifest.Manifest(
        source="drawn",
        image_size=IMAGE_SIZE,
        encoding=encoding,
        label_offset=0,
        records_dir=".",
        settings={"seed": seed},
        classes=make_classes(num_classes),
        splits=splits,
        rejects=(),
        inputs=(),
        checksums=compute_checksums(data_dir),
    )
    manifest.write_manifest(data_dir, result)
    return result


def make_record(
    image: np.ndarray,
    label: int,
    number: int,
    split: str,
    num_classes: int,
    encoding: str = "jpeg",
    label_offset: int = 0,
) -> bytes:
    """Image `number` of class `label` as a serialized Example."""
    info = make_classes(num_classes)[label]
    is_raw = encoding == "raw"
    return schema.encode_image(
        encoded=image.tobytes() if is_raw else encode_jpeg(image),
        image_format=schema.FORMATS["raw"] if is_raw else schema.FORMATS["jpeg"],
        label=label + label_offset,
        synset=info.synset,
        text=info.text,
        filename=f"{info.synset}_{split}_{number}.JPEG",
        height=image.shape[0],
        width=image.shape[1],
    )


def write_shards(
    data_dir: str, split: str, records: list[bytes], num_shards: int
) -> tuple[tuple[manifest.ShardInfo, ...], dict[str, np.ndarray]]:
    """Writes `records` in order, in shards of nearly one size.

    Returns:
      The shards, and the split's arrays for `index.npz`.
    """
    shards, shard_column, offsets, lengths, checksums = [], [], [], [], []
    bounds = np.linspace(0, len(records), num_shards + 1).astype(int)
    for shard in range(num_shards):
        name = schema.make_shard_name(split, shard, num_shards)
        shard_path = os.path.join(data_dir, name)
        members = records[bounds[shard] : bounds[shard + 1]]
        offset = 0
        with open(shard_path, "wb") as file:
            for record in members:
                shard_column.append(shard)
                offsets.append(offset)
                lengths.append(len(record))
                checksums.append(record_file.compute_masked_crc(record))
                offset += file.write(record_file.frame(record))
        shards.append(
            manifest.ShardInfo(
                name, len(members), offset, files.compute_digest(shard_path)
            )
        )
    return tuple(shards), {
        f"{split}/shard": np.array(shard_column, np.int32),
        f"{split}/offset": np.array(offsets, np.int64),
        f"{split}/length": np.array(lengths, np.int64),
        f"{split}/checksum": np.array(checksums, np.uint32),
    }


def write_foreign_shards(
    path: str | os.PathLike[str],
    num_classes: int = 2,
    per_class: int | Mapping[str, int] = 4,
    label_offset: int = 1,
    seed: int = 0,
    num_shards: int = 2,
) -> None:
    """Writes shards as other programs do: native sizes, labels from 1, no manifest."""
    records_dir = os.fspath(path)
    os.makedirs(records_dir, exist_ok=True)
    if isinstance(per_class, int):
        per_class = {"train": per_class, "validation": per_class}
    for split, count in per_class.items():
        generator = np.random.default_rng([seed, schema.SPLITS.index(split)])
        records = []
        for row in generator.permutation(num_classes * count):
            label, number = divmod(int(row), count)
            height, width = generator.integers(100, 400, 2)
            image = draw_image(label, num_classes, generator, height, width)
            records.append(
                make_record(
                    image, label, number, split, num_classes, "jpeg", label_offset
                )
            )
        write_shards(records_dir, split, records, num_shards)


def compute_checksums(data_dir: str) -> dict[str, str]:
    """SHA-256 of the index and the statistics, as the manifest holds them."""
    return {
        name: files.compute_digest(os.path.join(data_dir, name))
        for name in (manifest.INDEX_NAME, manifest.STATISTICS_NAME)
    }
