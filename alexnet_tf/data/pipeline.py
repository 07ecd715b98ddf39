"""Shards -> batches (paper, sections 2, 4.1 and 5).

Training reads one endless stream of images. With N training images, image n is record
permutation(seed, n // N)[n % N], and step s uses the batch_size images from
s * batch_size on. So every batch is full, an epoch's last batch may extend into the
next epoch, each image occurs exactly once per epoch, and the settings and the step
determine every batch: a run can start at any step without saved state.

  steps -> read and parse the batch's records, verify
           checksums, make the random draws                    one step ahead
        -> unbatch -> decode, augment                          parallel, per image
        -> batch -> prefetch

With `finish_on` "device", the pipeline only cuts out crops. Their bytes are copied to
the device, where `training_transform.make_device_part` does the rest. Crops of raw
shards are cut out while reading. For evaluation, whole images are copied to the device,
which makes the views.

`tf.data` reports failures as `tf.errors.OpError`; `iteration` translates them into
errors that name the shard and the record.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.config.schema import Config, DataConfig
from alexnet_tf.data import batch_reader, random_draws, training_transform
from alexnet_tf.data.directory import DataDirectory
from alexnet_tf.devices.workers import ALONE, Workers
from tfrecords import stable_random

# Batches that may have been read but not yet delivered, besides the prefetched ones. At
# most four were observed; a margin is cheap, as only record numbers are kept.
_BATCHES_UNDER_WAY = 12


def compute_record_ids(num_records: int, config: Config, step: int) -> np.ndarray:
    """The records of batch `step`, from 0: int64 [batch_size], 0..num_records-1."""
    positions = step * config.batch_size + np.arange(config.batch_size, dtype=np.int64)
    epochs, indices = np.divmod(positions, num_records)
    record_ids = np.empty_like(positions)
    for epoch in np.unique(epochs):
        stream = int(epoch) if config.data.reshuffle else 0
        order = _get_order(num_records, config.seed, stream)
        record_ids[epochs == epoch] = order[indices[epochs == epoch]]
    return record_ids


@functools.lru_cache(maxsize=2)
def _get_order(num_records: int, seed: int, stream: int) -> np.ndarray:
    return stable_random.make_permutation(num_records, seed, stream)


def make_training_dataset(
    data: DataDirectory,
    config: Config,
    start_step: int,
    num_steps: int,
    workers: Workers = ALONE,
) -> tf.data.Dataset:
    """Makes the batches of steps start_step .. start_step+num_steps-1, from 0 on.

    With several workers, only this one's share of each batch is read.

    Returns:
      Data set of (images float32 [B, crop_size, crop_size, 3], labels int32 [B],
      0..num_classes-1); B is the batch size divided by the number of workers. Instead
      of images it may give `Crops`, which `training_transform.make_device_part`
      finishes. Equal arguments give equal bits.

    Raises:
      UserError, DataError: as `DataDirectory.get_reader`.
    """
    num_records = data.count_images("train")
    first, batch_size = workers.find_share(config.batch_size)

    def compute_ids(step: int) -> np.ndarray:
        ids = compute_record_ids(num_records, config, step)
        return ids[first : first + batch_size]

    read = _make_batch_reader(data, "train", compute_ids, batch_size, config)
    with tf.device("CPU:0"):
        draw = random_draws.make_training_draws(
            config.data, data.statistics, num_records, config.seed, batch_size
        )
        transform_image = training_transform.make_host_part(
            config.data, data.statistics
        )
        crops_only = training_transform.is_finished_on_device(config.data)

        def read_step(step: tf.Tensor) -> tuple[Any, ...]:
            images, labels = batch_reader.read_batch(read, step, batch_size)
            return images, labels, draw(step * config.batch_size + first)

        def prepare(
            stored: tf.Tensor, label: tf.Tensor, draws: random_draws.Draws
        ) -> tuple[Any, tf.Tensor]:
            image = batch_reader.decode_image(stored, data.manifest)
            return transform_image(image, draws), label

        def read_crops(step: tf.Tensor) -> tuple[Any, tf.Tensor]:
            draws = draw(step * config.batch_size + first)
            pixels, labels = batch_reader.read_crops(
                read, step, batch_size, draws.offsets, config.data.crop_size
            )
            return training_transform.Crops(pixels, draws), labels

        steps = tf.data.Dataset.range(start_step, start_step + num_steps)
        if crops_only and batch_reader.is_raw(data.manifest):
            return _finish(_map(steps, read_crops), num_steps, config.data)
        images = _make_images(_map(steps, read_step), prepare, config.data)
        batches = images.batch(batch_size, drop_remainder=True)
        return _finish(batches, num_steps, config.data)


def make_evaluation_dataset(
    data: DataDirectory,
    config: Config,
    split: str,
    num_views: int = 1,
    workers: Workers = ALONE,
) -> tf.data.Dataset:
    """Gives every record of a split once, in order; the last batch may be smaller.

    With several workers, each gives its own part of the records.

    A batch holds at most `config.eval_batch_size` views: that many images, or a tenth
    as many with ten views (section 4.1), at least one.

    Returns:
      Data set of (images uint8 [b, size, size, 3], labels int32 [b], all -1 in a split
      without labels, record numbers int64 [b]).
      `evaluation_views.compile_view_transform` makes the views.

    Raises:
      ValueError: unless `num_views` is 1 or 10.
      UserError, DataError: as `DataDirectory.get_reader`.
    """
    if num_views not in (1, 10):
        raise ValueError(f"num_views is 1 or 10, not {num_views}")
    start, end = workers.find_part(data.count_images(split))
    batch_size = max(1, config.eval_batch_size // num_views)
    num_batches = -(-(end - start) // batch_size)

    def compute_ids(batch: int) -> np.ndarray:
        first = start + batch * batch_size
        return np.arange(first, min(first + batch_size, end), dtype=np.int64)

    read = _make_batch_reader(data, split, compute_ids, batch_size, config)
    with tf.device("CPU:0"):

        def read_batch(batch: tf.Tensor) -> tuple[tf.Tensor, ...]:
            images, labels = batch_reader.read_batch(read, batch)
            first = start + batch * batch_size
            last = tf.minimum(first + batch_size, tf.constant(end, tf.int64))
            return images, labels, tf.range(first, last)

        def prepare(
            stored: tf.Tensor, label: tf.Tensor, record_id: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            return batch_reader.decode_image(stored, data.manifest), label, record_id

        batches = _map(tf.data.Dataset.range(num_batches), read_batch)
        images = _make_images(batches, prepare, config.data)
        return _finish(images.batch(batch_size), num_batches, config.data)


def _make_batch_reader(
    data: DataDirectory,
    split: str,
    compute_ids: Callable[[int], np.ndarray],
    batch_size: int,
    config: Config,
) -> batch_reader.BatchReader:
    num_remembered = config.data.prefetch_batches + _BATCHES_UNDER_WAY
    num_remembered += -(-_get_num_parallel(config.data) // batch_size)
    return data.watch(
        batch_reader.BatchReader(
            data.get_reader(split),
            data.manifest,
            compute_ids,
            num_remembered,
            data.is_labelled(split),
        )
    )


def _map(
    dataset: tf.data.Dataset, function: Callable[..., Any], **options: Any
) -> tf.data.Dataset:
    # No function of ours branches on a tensor in Python. AutoGraph would give the same
    # graph, later.
    return dataset.map(tf.autograph.experimental.do_not_convert(function), **options)


def _make_images(
    batches: tf.data.Dataset, prepare: Callable[..., Any], data: DataConfig
) -> tf.data.Dataset:
    # Per image, not per batch: elementwise ops on a batch would run on one thread.
    num_parallel = _get_num_parallel(data)
    images = batches.prefetch(1).unbatch()
    return _map(images, prepare, num_parallel_calls=num_parallel, deterministic=True)


def _get_num_parallel(data: DataConfig) -> int:
    return data.num_parallel_maps or os.cpu_count() or 1


def _finish(
    batches: tf.data.Dataset, num_batches: int, data: DataConfig
) -> tf.data.Dataset:
    counted = batches.apply(tf.data.experimental.assert_cardinality(num_batches))
    # No parallel reading of batches: it would hold several batches in memory, and more
    # than a `BatchReader` remembers.
    options = tf.data.Options()
    options.experimental_optimization.map_parallelization = False
    # Autotune is off: its polling thread can delay the end of an iteration by seconds,
    # and nothing here is tunable.
    options.autotune.enabled = False
    return counted.prefetch(data.prefetch_batches).with_options(options)
