"""Training inputs of other programs, at their best, on the same JPEG shards.

Each function returns an endless stream of batches. No order is kept, no checksum beyond
the library's own is checked, and the mean is one colour.
"""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from tfrecords.shards import record_file, record_index, record_reader, schema
from tools.benchmarks import fixtures

_MEAN = (123.0, 117.0, 104.0)
_SHUFFLED = 1000


def plain(
    data_dir: str,
    batch_size: int,
    crop_size: int,
    decodes_crop: bool,
    is_finished: bool,
) -> Iterable[Any]:
    """The usual tf.data pipeline: parse, decode, random crop, flip, cast, batch.

    With `decodes_crop` only the crop's part of a JPEG is decoded. Without `is_finished`
    the batches are uint8 crops, neither flipped nor less the mean.
    """
    import tensorflow as tf

    info, index = fixtures.read_index(data_dir)
    size, mean = info.image_size, tf.constant(_MEAN)

    def prepare(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parsed = tf.io.parse_single_example(
            record,
            {
                schema.ENCODED: tf.io.FixedLenFeature([], tf.string),
                schema.LABEL: tf.io.FixedLenFeature([], tf.int64),
            },
        )
        if decodes_crop:
            offset = tf.random.uniform([2], 0, size - crop_size + 1, tf.int32)
            window = tf.concat([offset, [crop_size, crop_size]], 0)
            image = tf.image.decode_and_crop_jpeg(parsed[schema.ENCODED], window, 3)
        else:
            image = tf.io.decode_jpeg(parsed[schema.ENCODED], channels=3)
            image = tf.image.random_crop(image, [crop_size, crop_size, 3])
        if is_finished:
            image = tf.image.random_flip_left_right(image)
            image = tf.cast(image, tf.float32) - mean
        return image, parsed[schema.LABEL]

    options = tf.data.Options()
    options.deterministic = False
    return (
        tf.data.Dataset.from_tensor_slices(list(index.paths))
        .repeat()
        .interleave(tf.data.TFRecordDataset, num_parallel_calls=tf.data.AUTOTUNE)
        .shuffle(_SHUFFLED)
        .map(prepare, tf.data.AUTOTUNE)
        .with_options(options)
        .batch(batch_size, drop_remainder=True)
        .prefetch(2)
    )


def dali(
    data_dir: str,
    batch_size: int,
    crop_size: int,
    decodes_crop: bool,
    is_finished: bool,
) -> Iterator[Any]:
    """NVIDIA DALI on the processor; arguments as for `plain`."""
    if importlib.util.find_spec("nvidia") is None:
        raise ModuleNotFoundError(name="nvidia.dali")
    # Its annotations are narrower than what it accepts.
    library: Any = importlib.import_module("nvidia.dali")
    tfrecord: Any = importlib.import_module("nvidia.dali.tfrecord")
    fn = library.fn
    _, index = fixtures.read_index(data_dir)
    features = {
        schema.ENCODED: tfrecord.FixedLenFeature((), tfrecord.string, ""),
        schema.LABEL: tfrecord.FixedLenFeature([1], tfrecord.int64, -1),
    }

    @library.pipeline_def(
        batch_size=batch_size,
        num_threads=os.cpu_count() or 1,
        device_id=None,
        prefetch_queue_depth=2,
    )
    def define(folder: str) -> tuple:
        record = fn.readers.tfrecord(
            path=list(index.paths),
            index_path=write_dali_indices(index, folder),
            features=features,
            random_shuffle=True,
            initial_fill=_SHUFFLED,
        )
        crop = {
            "crop": (crop_size, crop_size),
            "crop_pos_x": fn.random.uniform(range=(0.0, 1.0)),
            "crop_pos_y": fn.random.uniform(range=(0.0, 1.0)),
        }
        encoded = record[schema.ENCODED]
        if decodes_crop:
            image, crop = fn.decoders.image_crop(encoded, device="cpu", **crop), {}
        else:
            image = fn.decoders.image(encoded, device="cpu")
        if is_finished:
            image = fn.crop_mirror_normalize(
                image,
                device="cpu",
                dtype=library.types.FLOAT,
                output_layout="HWC",
                mirror=fn.random.coin_flip(),
                mean=list(_MEAN),
                **crop,
            )
        elif crop:
            image = fn.crop(image, device="cpu", **crop)
        return image, record[schema.LABEL]

    # Index files are read as long as the pipeline runs.
    with fixtures.temporary_folder() as folder:
        pipeline = define(folder)
        pipeline.build()
        while True:
            yield pipeline.run()


def write_dali_indices(index: record_index.RecordIndex, folder: str) -> list[str]:
    """Writes DALI's index of every shard to `folder`; returns the files' paths.

    It has a line `offset length` per record. A length includes the record's header and
    checksums, as in DALI's `tfrecord2idx`.
    """
    frame = record_file.HEADER_BYTES + record_file.FOOTER_BYTES
    paths = []
    for shard, path in enumerate(index.paths):
        rows = index.shard == shard
        lines = np.stack([index.offset[rows], index.length[rows] + frame], axis=1)
        paths.append(os.path.join(folder, f"{os.path.basename(path)}.idx"))
        np.savetxt(paths[-1], lines, "%d")
    return paths


def torch_loader(data_dir: str, batch_size: int, crop_size: int) -> Iterable[Any]:
    """A PyTorch DataLoader with Pillow and a worker per core.

    Workers make whole batches: each is handed over once, and cast to float32 at once.
    """
    from torch.utils import data

    # PyTorch accepts whatever has a length and items.
    dataset: Any = TorchBatches(data_dir, batch_size, crop_size)
    return data.DataLoader(
        dataset,
        batch_size=None,
        num_workers=os.cpu_count() or 1,
        prefetch_factor=2,
        persistent_workers=True,
    )


class TorchBatches:
    """A map-style data set of batches: float32 [B, 3, crop, crop], int64 [B]."""

    def __init__(self, data_dir: str, batch_size: int, crop_size: int):
        _, self._index = fixtures.read_index(data_dir)
        self._reader: record_reader.RecordReader | None = None
        self._batch_size, self._crop_size = batch_size, crop_size
        self._order = np.random.default_rng(0).permutation(self._index.num_records)

    def __len__(self) -> int:
        return 10**9

    def __getitem__(self, number: int) -> tuple:
        import torch

        # Each worker opens its own files.
        if self._reader is None:
            self._reader = record_reader.RecordReader(self._index)
        generator = np.random.default_rng(number)
        size = self._crop_size
        images = np.empty((self._batch_size, size, size, 3), np.uint8)
        labels = np.empty(self._batch_size, np.int64)
        for row in range(self._batch_size):
            position = (number * self._batch_size + row) % len(self._order)
            record = schema.decode_record(self._reader.read(int(self._order[position])))
            with Image.open(io.BytesIO(record.image_bytes)) as image:
                whole = np.asarray(image)
            top, left = (
                generator.integers(0, side - size + 1) for side in whole.shape[:2]
            )
            crop = whole[top : top + size, left : left + size]
            images[row] = crop[:, ::-1] if generator.integers(2) else crop
            labels[row] = record.label
        batch = torch.from_numpy(images).to(torch.float32).sub_(torch.tensor(_MEAN))
        # This view is PyTorch's channels_last layout.
        return batch.permute(0, 3, 1, 2), torch.from_numpy(labels)
