"""From shards to batches [B, 224, 224, 3]: ours, and plain `tf.data`.

Finished in float32, or crops alone in uint8, which a device finishes.

A call takes a number of batches from a stream that has no end. The first ones are not
timed: they were made while others ran.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from concurrent import futures
from typing import Any

Call = Callable[[], float | None]

# Longer than any measurement.
_NUM_STEPS = 10**9
# More than any of the contestants makes ahead: PyTorch's two for every core.
_NUM_UNTIMED = max(8, 2 * (os.cpu_count() or 1) + 4)


def take(batches: Iterable[Any], count: int, untimed: int = _NUM_UNTIMED) -> Call:
    """A call that takes batches; the first one is taken here.

    Args:
      batches: without end.
      count: how many a call times.
      untimed: how many it takes before.

    Returns:
      A function that returns the seconds of `count` batches.
    """
    iterator = iter(batches)
    next(iterator)

    def call() -> float:
        for _ in range(untimed):
            next(iterator)
        start = time.perf_counter()
        for _ in range(count):
            next(iterator)
        return time.perf_counter() - start

    return call


def ours(
    data_dir: str,
    batch_size: int,
    batches_per_call: int,
    settings: dict[str, Any],
    is_finished: bool,
) -> Call:
    """The training input as `alexnet-train` makes it.

    Without `is_finished` what a device finishes, where the settings leave it that.
    """
    from alexnet_tf.config import overrides as settings_lib
    from alexnet_tf.config import schema
    from alexnet_tf.data import directory, iteration, pipeline, training_transform
    from alexnet_tf.devices import precision

    # As training does: it decides what TensorFlow lets run at a time.
    precision.make_reproducible()
    chosen = settings_lib.override(
        schema.Config(), {"batch_size": batch_size, **settings}
    )
    data = directory.open_data(data_dir, chosen)
    dataset = pipeline.make_training_dataset(data, chosen, 0, _NUM_STEPS)
    batches = iteration.iterate(data, dataset)
    if is_finished:
        finish = training_transform.make_device_part(chosen.data, data.statistics)
        batches = ((finish(crops), labels) for crops, labels in batches)
    return take(batches, batches_per_call)


def plain(
    data_dir: str,
    batch_size: int,
    batches_per_call: int,
    crop_size: int,
    decodes_crop: bool,
    is_finished: bool,
) -> Call:
    """The usual input: parse, decode, random crop, flip, cast, batch, prefetch.

    No order is kept and no checksum beyond TensorFlow's own; the mean is a colour.
    With `decodes_crop` the crop's part of the JPEG alone is decoded. Without
    `is_finished` crops are batched as they are.
    """
    import tensorflow as tf

    from tfrecords.shards import manifest, record_index, schema

    info = manifest.read_manifest(data_dir)
    paths = record_index.read_index(data_dir, info, "train").paths
    size, mean = info.image_size, tf.constant([123.0, 117.0, 104.0])

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
        if not is_finished:
            return image, parsed[schema.LABEL]
        image = tf.image.random_flip_left_right(image)
        return tf.cast(image, tf.float32) - mean, parsed[schema.LABEL]

    dataset = tf.data.Dataset.from_tensor_slices(list(paths)).repeat()
    dataset = dataset.interleave(
        tf.data.TFRecordDataset, num_parallel_calls=tf.data.AUTOTUNE
    )
    options = tf.data.Options()
    options.deterministic = False
    dataset = dataset.shuffle(1000).map(prepare, tf.data.AUTOTUNE).with_options(options)
    batches = dataset.batch(batch_size, drop_remainder=True).prefetch(2)
    return take(batches, batches_per_call)


def decode_tensorflow(data_dir: str, num_images: int, repeats: int) -> Call:
    """TensorFlow's decoder alone, as accurate as ours, on bytes that lie in memory."""
    import tensorflow as tf

    from alexnet_tf.data import decoding
    from tools.benchmarks import materials

    images = tf.constant(materials.read_encoded(data_dir, num_images).images)
    dataset = tf.data.Dataset.from_tensor_slices(images).repeat()
    options = tf.data.Options()
    options.deterministic = False
    # Nothing is decoded ahead, while another contestant has its turn.
    options.experimental_optimization.map_and_batch_fusion = False
    options.experimental_optimization.inject_prefetch = False
    dataset = dataset.with_options(options)
    # One value of an image: nothing is gathered, nothing left out of the decoding.
    decoded = dataset.map(
        lambda one: decoding.decode_jpeg(one)[0, 0, 0], os.cpu_count() or 1
    )
    return take(decoded.batch(len(images)), repeats, untimed=1)


def decode_libjpeg(data_dir: str, num_images: int, repeats: int, fast: bool) -> Call:
    """libjpeg-turbo alone, by a thread for every core, on bytes that lie in memory.

    With `fast` its coarser arithmetic, which gives other pixels.
    """
    import simplejpeg

    from tools.benchmarks import materials

    images = materials.read_encoded(data_dir, num_images).images * repeats
    threads = os.cpu_count() or 1
    pool = futures.ThreadPoolExecutor(threads)

    def decode(part: list[bytes]) -> None:
        for one in part:
            simplejpeg.decode_jpeg(one, fastdct=fast, fastupsample=fast)

    parts = [images[first::threads] for first in range(threads)]

    def call() -> None:
        list(pool.map(decode, parts))

    return call
