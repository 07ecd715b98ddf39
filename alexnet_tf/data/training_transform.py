"""The training transform, for one image and for a batch (paper, sections 2, 4.1).

  mirror(crop(image)) - mean + shift        mean: see `DataConfig.mean`
  the source's shift:  (...) / (1 + stddev)

`finish_on` chooses where it runs. On the host, the decoding threads apply
`transform_image` to one image at a time. For the device, they only cut out the crops,
so that a quarter of the bytes are copied, and `transform_batch` does the rest there.
Both give the same bits. `random_draws` makes the random draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.config.schema import DataConfig
from alexnet_tf.data import random_draws
from alexnet_tf.data.evaluation_views import make_centre_mean
from alexnet_tf.data.random_draws import Draws
from tfrecords.shards.statistics import Statistics


class Crops(NamedTuple):
    """Crops that have not yet been mirrored, centred and colour-shifted.

    `pixels` are uint8 [B, crop_size, crop_size, 3], RGB, cut out at the draws' offsets.
    """

    pixels: tf.Tensor
    draws: Draws


def make_host_part(
    data: DataConfig, statistics: Statistics
) -> Callable[[tf.Tensor, Draws], tf.Tensor | Crops]:
    """Makes the part of the transform that the input pipeline applies to each image.

    It is a function of an image, uint8 [size, size, 3], and its draws. It returns the
    finished image, float32 [crop_size, crop_size, 3], or, if `is_finished_on_device`,
    its `Crops`.
    """
    if is_finished_on_device(data):
        return lambda image, draws: Crops(
            crop(image, draws.offsets, data.crop_size), draws
        )
    return make_image_transform(data, statistics)


def make_device_part(
    data: DataConfig, statistics: Statistics
) -> Callable[[tf.Tensor | Crops], tf.Tensor]:
    """Makes the part of the transform that runs on the training step's device.

    It is a function from a batch of `make_host_part`'s results to images, float32 [B,
    crop_size, crop_size, 3].
    """
    if is_finished_on_device(data):
        return make_batch_transform(data, statistics)
    return lambda images: images


def is_finished_on_device(data: DataConfig) -> bool:
    """True if the setting `finish_on` is "device", with "auto" resolved.

    If XLA compiles the batch's transform into one pass, it is faster than one image at
    a time even on CPUs (docs/performance.md).
    """
    if data.finish_on == "auto":
        has_gpu = bool(tf.config.list_physical_devices("GPU"))
        return stack.XLA_FUSES_LOOPS or has_gpu
    return data.finish_on == "device"


def make_image_transform(
    data: DataConfig, statistics: Statistics
) -> Callable[[tf.Tensor, Draws], tf.Tensor]:
    """The formula for one image, uint8 [size, size, 3], and its draws.

    With the mean "same_crop", the mean image is cropped and mirrored like the image
    (the paper subtracts it before cropping). With "centre_crop" it is always the
    unmirrored centre, as in the source. The function returns float32 [crop_size,
    crop_size, 3].
    """
    size = data.crop_size
    cut_mean = _make_mean_cutter(data, statistics)

    def transform_image(image: tf.Tensor, draws: Draws) -> tf.Tensor:
        offsets, mirrored, shift, divisor = draws
        cropped = mirror(crop(image, offsets, size), mirrored)
        centred = tf.cast(cropped, tf.float32) - cut_mean(offsets, mirrored)
        if data.colour_shift == "none":
            return centred
        shifted = add_colour(centred, shift)
        return shifted / divisor if data.colour_shift == "source" else shifted

    return transform_image


def make_batch_transform(
    data: DataConfig, statistics: Statistics
) -> Callable[[Crops], tf.Tensor]:
    """The same formula for a batch of `Crops`, compiled by XLA where that is faster."""
    cut_means = _make_batch_mean_cutter(data, statistics)

    @tf.function(
        jit_compile=stack.XLA_FUSES_LOOPS, reduce_retracing=True, autograph=False
    )
    def transform_batch(crops: Crops) -> tf.Tensor:
        offsets, mirrored, shift, divisor = crops.draws
        flipped = tf.reverse(crops.pixels, [2])
        cropped = tf.where(mirrored[:, None, None, None], flipped, crops.pixels)
        centred = tf.cast(cropped, tf.float32) - cut_means(offsets, mirrored)
        if data.colour_shift == "none":
            return centred
        shifted = centred + shift[:, None, None, :]
        if data.colour_shift == "source":
            return shifted / divisor[:, None, None, None]
        return shifted

    return transform_batch


def crop(image: tf.Tensor, offsets: tf.Tensor, crop_size: int) -> tf.Tensor:
    """Crops an image [height, width, 3] at the offsets int32 [2], from top and left."""
    begin = tf.concat([offsets, [0]], 0)
    return tf.slice(image, begin, [crop_size, crop_size, 3])


def mirror(image: tf.Tensor, mirrored: tf.Tensor) -> tf.Tensor:
    """Mirrors an image [height, width, 3] horizontally if `mirrored`."""
    # tf.cond, as `Reverse` with an empty list of axes takes twice as long as with one.
    return tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)


def add_colour(image: tf.Tensor, colour: tf.Tensor) -> tf.Tensor:
    """Adds float32 [3] to every pixel of an image, float32 [height, width, 3]."""
    height, width, channels = image.shape
    # Whole rows, as TensorFlow broadcasts three values several times slower.
    rows = tf.reshape(image, [height, width * channels])
    return tf.reshape(rows + tf.tile(colour, [width]), [height, width, channels])


def _make_mean_cutter(
    data: DataConfig, statistics: Statistics
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    # From offsets and mirrored to the mean to subtract, float32 [crop, crop, 3].
    size = data.crop_size
    if data.mean != "same_crop":
        fixed_mean = make_centre_mean(data, statistics)
        return lambda offsets, mirrored: fixed_mean
    mean_image = tf.constant(statistics.mean_image, tf.float32)
    both_means = tf.stack([mean_image, tf.reverse(mean_image, [1])])
    last_offset = mean_image.shape[1] - size

    def cut_mean(offsets: tf.Tensor, mirrored: tf.Tensor) -> tf.Tensor:
        # The crop's mirror image is a crop of the mean's mirror image.
        top, left = offsets[0], offsets[1]
        left = tf.where(mirrored, last_offset - left, left)
        begin = tf.stack([tf.cast(mirrored, tf.int32), top, left, 0])
        return tf.slice(both_means, begin, [1, size, size, 3])[0]

    return cut_mean


def _make_batch_mean_cutter(
    data: DataConfig, statistics: Statistics
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    # The same for a batch. A table (44 MB for the paper's crops) holds the mean image
    # cut at each possible left edge, so that XLA gathers whole rows in the same pass.
    size, positions = data.crop_size, data.crop_positions
    if data.mean != "same_crop":
        fixed_mean = make_centre_mean(data, statistics)
        return lambda offsets, mirrored: fixed_mean
    mean_image = statistics.mean_image.astype(np.float32)
    height = mean_image.shape[0]
    first_left = random_draws.find_first_offset(data, height)
    table = np.empty((2, positions, height, size, 3), np.float32)
    for position in range(positions):
        left = first_left + position
        window = mean_image[:, left : left + size]
        table[:, position] = window, window[:, ::-1]
    rows = tf.constant(table.reshape(-1, size * 3))

    def cut_means(offsets: tf.Tensor, mirrored: tf.Tensor) -> tf.Tensor:
        top, left = offsets[:, 0], offsets[:, 1]
        window = tf.cast(mirrored, tf.int32) * positions + left - first_left
        first = window * height + top
        cut = tf.gather(rows, first[:, tf.newaxis] + tf.range(size))
        return tf.reshape(cut, [-1, size, size, 3])

    return cut_means
