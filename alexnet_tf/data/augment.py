"""Crops, mirrors, the colour shift and the ten views (paper, sections 2 and 4.1).

Plain tensor functions of one image, the same eagerly and inside `Dataset.map`, and
two for a batch on the device. What chance decides is in `chance`.

  training    mirror(crop(image)) - mean + shift,        mean as `DataConfig.mean` says
              the source's shift:  (... ) / (1 + stddev)
  evaluation  view - mean: neither shifted nor divided, in the source either
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.config.schema import DataConfig
from alexnet_tf.data.random_draws import Draws
from alexnet_tf.devices import placement
from tfrecords.shards.statistics import Statistics


class Crops(NamedTuple):
    """A batch that is still to be mirrored, centred and shifted.

    Attributes:
      pixels: uint8 [B, crop_size, crop_size, 3], RGB, cut out at the draws' offsets.
      draws: what else chance decides of each.
    """

    pixels: tf.Tensor
    draws: Draws


def crop(image: tf.Tensor, offsets: tf.Tensor, crop_size: int) -> tf.Tensor:
    """Cuts out [crop_size, crop_size, 3] of an image [height, width, 3] at `offsets`.

    Args:
      image: of any dtype.
      offsets: int32 [2], of the top left corner.
      crop_size: pixels.
    """
    begin = tf.concat([offsets, [0]], 0)
    return tf.slice(image, begin, [crop_size, crop_size, 3])


def mirror(image: tf.Tensor, mirrored: tf.Tensor) -> tf.Tensor:
    """Exchanges left and right of an image [height, width, 3] where `mirrored`."""
    # `Reverse` takes the axes as an argument, too, but for none of them it takes twice
    # as long as for one.
    return tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)


def centre_crop(image: tf.Tensor, crop_size: int) -> tf.Tensor:
    """The central [..., crop_size, crop_size, 3] of images [..., size, size, 3]."""
    offset = (image.shape[-2] - crop_size) // 2
    return _cut(image, offset, offset, crop_size)


def _cut(image: tf.Tensor, top: int, left: int, size: int) -> tf.Tensor:
    return image[..., top : top + size, left : left + size, :]


def make_ten_views(image: tf.Tensor, crop_size: int = 224) -> tf.Tensor:
    """The four corners and the centre, then their mirror images (section 4.1).

    Args:
      image: [..., size, size, 3] of any dtype, size at least `crop_size`.
      crop_size: pixels.

    Returns:
      [..., 10, crop_size, crop_size, 3]: top left, top right, bottom left, bottom
      right, centre, and the same five mirrored.
    """
    end = image.shape[-2] - crop_size
    corners = [(0, 0), (0, end), (end, 0), (end, end)]
    views = [_cut(image, top, left, crop_size) for top, left in corners]
    five = tf.stack([*views, centre_crop(image, crop_size)], -4)
    return tf.concat([five, tf.reverse(five, [-2])], -4)


def add_colour(image: tf.Tensor, colour: tf.Tensor) -> tf.Tensor:
    """Adds float32 [3] to every pixel of an image, float32 [height, width, 3].

    Whole rows are added: TensorFlow takes several times as long to repeat three values.
    """
    height, width, channels = image.shape
    rows = tf.reshape(image, [height, width * channels])
    return tf.reshape(rows + tf.tile(colour, [width]), [height, width, channels])


def make_training_transform(
    data: DataConfig, statistics: Statistics
) -> Callable[[tf.Tensor, Draws], tf.Tensor]:
    """What an image undergoes in training; see the module's formula.

    The mean under "same_crop" is that of the image's own crop, mirrored with it (the
    paper subtracts it before cropping); under "centre_crop" it stays as it is, as in
    the source.

    Args:
      data: the settings.
      statistics: of the training split.

    Returns:
      A function of an image, uint8 [size, size, 3], and of its `Draws`, giving float32
      [crop_size, crop_size, 3].
    """
    size = data.crop_size
    cut_mean = _make_mean_cutter(data, statistics)

    def transform(image: tf.Tensor, draws: Draws) -> tf.Tensor:
        offsets, mirrored, shift, divisor = draws
        cropped = mirror(crop(image, offsets, size), mirrored)
        centred = tf.cast(cropped, tf.float32) - cut_mean(offsets, mirrored)
        if data.colour_shift == "none":
            return centred
        shifted = add_colour(centred, shift)
        return shifted / divisor if data.colour_shift == "source" else shifted

    return transform


def is_finished_on_device(data: DataConfig) -> bool:
    """The setting `finish_on` with "auto" resolved for this machine.

    Where XLA finishes a batch in one pass, that costs a processor less, too, than its
    images one by one (docs/performance.md).
    """
    if data.finish_on == "auto":
        has_gpu = bool(tf.config.list_physical_devices("GPU"))
        return stack.XLA_FUSES_LOOPS or has_gpu
    return data.finish_on == "device"


def make_finisher(
    data: DataConfig, statistics: Statistics
) -> Callable[[Crops | tf.Tensor], tf.Tensor]:
    """`make_training_transform` for a batch whose crops are cut out already.

    Compiled by XLA where that pays: one pass over the batch.

    Args:
      data: the settings.
      statistics: of the training split.

    Returns:
      A function of `Crops` of B images, giving float32 [B, crop_size, crop_size, 3];
      not `is_finished_on_device`, of images that are finished, giving the same.
    """
    if not is_finished_on_device(data):
        return lambda images: images
    cut_means = _make_batch_mean_cutter(data, statistics)

    @tf.function(jit_compile=stack.XLA_FUSES_LOOPS, reduce_retracing=True)
    def finish(crops: Crops) -> tf.Tensor:
        offsets, mirrored, shift, divisor = crops.draws
        pixels = crops.pixels
        flipped = tf.reverse(pixels, [2])
        cropped = tf.where(mirrored[:, None, None, None], flipped, pixels)
        centred = tf.cast(cropped, tf.float32) - cut_means(offsets, mirrored)
        if data.colour_shift == "none":
            return centred
        shifted = centred + shift[:, None, None, :]
        if data.colour_shift == "source":
            return shifted / divisor[:, None, None, None]
        return shifted

    return finish


def _make_mean_cutter(
    data: DataConfig, statistics: Statistics
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    # From offsets and mirrored to what is subtracted, float32 [crop, crop, 3].
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
    # The same for a batch, by a table of all columns where a crop can begin: whole rows
    # are gathered, in one pass with all else. 44 MB for the paper's crops.
    size, positions = data.crop_size, data.crop_positions
    if data.mean != "same_crop":
        fixed_mean = make_centre_mean(data, statistics)
        return lambda offsets, mirrored: fixed_mean
    mean_image = statistics.mean_image.astype(np.float32)
    height = mean_image.shape[0]
    table = np.empty((2, positions, height, size, 3), np.float32)
    for left in range(positions):
        window = mean_image[:, left : left + size]
        table[:, left] = window, window[:, ::-1]
    rows = tf.constant(table.reshape(-1, size * 3))

    def cut_means(offsets: tf.Tensor, mirrored: tf.Tensor) -> tf.Tensor:
        top, left = offsets[:, 0], offsets[:, 1]
        window = tf.cast(mirrored, tf.int32) * positions + left
        first = window * height + top
        cut = tf.gather(rows, first[:, tf.newaxis] + tf.range(size))
        return tf.reshape(cut, [-1, size, size, 3])

    return cut_means


def make_evaluation_transform(
    data: DataConfig, statistics: Statistics, num_views: int
) -> Callable[[tf.Tensor], tf.Tensor]:
    """What an image undergoes in evaluation; see the module's formula.

    Args:
      data: the settings.
      statistics: of the training split.
      num_views: 1, the centre, or 10 (section 4.1).

    Returns:
      A function of images, uint8 [..., size, size, 3], giving float32
      [..., num_views, crop_size, crop_size, 3].
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


def make_evaluation_finisher(
    data: DataConfig, statistics: Statistics, num_views: int, device: str | None = None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """`make_evaluation_transform` for batches, in one pass by XLA where that pays.

    Args:
      data: the settings.
      statistics: of the training split.
      num_views: 1, the centre, or 10.
      device: where it runs; None where TensorFlow chooses.

    Returns:
      A function of images, uint8 [B, size, size, 3], giving float32
      [B, num_views, crop_size, crop_size, 3].
    """
    spec = tf.TensorSpec([None, *statistics.mean_image.shape], tf.uint8)
    with placement.scope(device):
        transform = tf.function(
            make_evaluation_transform(data, statistics, num_views),
            input_signature=[spec],
            jit_compile=stack.XLA_FUSES_LOOPS,
        )

    def finish(images: tf.Tensor) -> tf.Tensor:
        with placement.scope(device):
            return transform(images)

    return finish


def make_centre_mean(data: DataConfig, statistics: Statistics) -> tf.Tensor:
    """What is subtracted from a centre view: float32 [crop_size, crop_size, 3]."""
    # Of one colour for "channel".
    mean_image = statistics.mean_image
    if data.mean == "channel":
        mean_image = np.broadcast_to(statistics.mean_rgb, mean_image.shape)
    return centre_crop(tf.constant(mean_image, tf.float32), data.crop_size)
