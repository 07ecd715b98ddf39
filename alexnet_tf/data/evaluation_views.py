"""The views for evaluation: the centre crop, or ten crops (paper, section 4.1).

  view - mean,        the mean as `DataConfig.mean` says

The source does not shift or divide here either, although it does in training.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.config.schema import DataConfig
from alexnet_tf.devices import placement
from tfrecords.shards.statistics import Statistics


def centre_crop(image: tf.Tensor, crop_size: int) -> tf.Tensor:
    """The central [..., crop_size, crop_size, 3] of images [..., size, size, 3]."""
    offset = (image.shape[-2] - crop_size) // 2
    return _cut(image, offset, offset, crop_size)


def _cut(image: tf.Tensor, top: int, left: int, size: int) -> tf.Tensor:
    return image[..., top : top + size, left : left + size, :]


def make_ten_views(image: tf.Tensor, crop_size: int = 224) -> tf.Tensor:
    """The four corners and the centre, then their mirror images (section 4.1).

    Takes images [..., size, size, 3] of any dtype, size at least `crop_size`. Returns
    [..., 10, crop_size, crop_size, 3]: top left, top right, bottom left, bottom right,
    centre, and the same five mirrored.
    """
    end = image.shape[-2] - crop_size
    corners = [(0, 0), (0, end), (end, 0), (end, end)]
    views = [_cut(image, top, left, crop_size) for top, left in corners]
    five = tf.stack([*views, centre_crop(image, crop_size)], -4)
    return tf.concat([five, tf.reverse(five, [-2])], -4)


def make_view_transform(
    data: DataConfig, statistics: Statistics, num_views: int
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Makes the function from images to views with the mean subtracted.

    It takes images, uint8 [..., size, size, 3], to views, float32 [..., num_views,
    crop_size, crop_size, 3]: one, the centre, or ten (section 4.1).
    """
    mean_image = tf.constant(statistics.mean_image, tf.float32)

    def make_views(image: tf.Tensor) -> tf.Tensor:
        if num_views == 1:
            return tf.expand_dims(centre_crop(image, data.crop_size), -4)
        return make_ten_views(image, data.crop_size)

    mean = make_centre_mean(data, statistics)
    if data.mean == "same_crop":
        mean = make_views(mean_image)

    def transform(image: tf.Tensor) -> tf.Tensor:
        return tf.cast(make_views(image), tf.float32) - mean

    return transform


def compile_view_transform(
    data: DataConfig, statistics: Statistics, num_views: int, device: str | None = None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """`make_view_transform` for batches, compiled by XLA where that is faster.

    The function takes images, uint8 [B, size, size, 3], to views, float32 [B,
    num_views, crop_size, crop_size, 3], on `device`; with None, TensorFlow chooses it.
    """
    spec = tf.TensorSpec([None, *statistics.mean_image.shape], tf.uint8)
    with placement.scope(device):
        transform = tf.function(
            make_view_transform(data, statistics, num_views),
            input_signature=[spec],
            jit_compile=stack.XLA_FUSES_LOOPS,
            autograph=False,
        )

    def make_views(images: tf.Tensor) -> tf.Tensor:
        with placement.scope(device):
            return transform(images)

    return make_views


def make_centre_mean(data: DataConfig, statistics: Statistics) -> tf.Tensor:
    """The mean to subtract from a centre view: float32 [crop_size, crop_size, 3]."""
    # A single colour for "channel".
    mean_image = statistics.mean_image
    if data.mean == "channel":
        mean_image = np.broadcast_to(statistics.mean_rgb, mean_image.shape)
    return centre_crop(tf.constant(mean_image, tf.float32), data.crop_size)
