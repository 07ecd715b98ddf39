"""Crops, mirrors, the colour shift and the ten views (paper, sections 2 and 4.1).

Plain tensor functions of one picture: the same eagerly and inside `Dataset.map`. What
chance decides is drawn for a batch at a time, as drawing costs as much for one as for
many; each draw is a function of the run's seed and of the picture's position in the
training stream alone, and nothing is remembered between pictures.

  training    mirror(crop(image)) - mean + shift,        mean as `DataConfig.mean` says
              the source's shift:  (... ) / (1 + stddev)
  evaluation  view - mean: neither shifted nor divided, in the source either
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from alexnet_tf.config import DataConfig
from tfrecords.statistics import Statistics

# Which of a picture's draws a seed is for.
OFFSETS, MIRROR, COLOUR_SHIFT = range(3)
# Draws that one seed makes. It decides every draw: never change it.
BLOCK = 256
# Named, so that the draws are the same on every device and in every version.
_ALGORITHM = "philox"


class Draws(NamedTuple):
    """What chance decides of the pictures of a batch, or of one without the [B].

    Attributes:
      offsets: int32 [B, 2], the crop's top left corner: pixels from the top, the left.
      mirrored: bool [B].
      shift: float32 [B, 3], R, G, B: what every pixel is shifted by, in grey levels.
      divisor: float32 [B], what the sum is divided by; 1 but for the source's shift.
    """

    offsets: tf.Tensor
    mirrored: tf.Tensor
    shift: tf.Tensor
    divisor: tf.Tensor

    def pick(self, index: int) -> Draws:
        """Those of one picture of the batch."""
        return Draws(*(values[index] for values in self))


def make_seed(seed: int, draw: int, block: tf.Tensor) -> tf.Tensor:
    """The seed of one kind of draw for a block of pictures.

    Args:
      seed: the run's.
      draw: `OFFSETS`, `MIRROR` or `COLOUR_SHIFT`.
      block: int64 scalar, the pictures' (or their chunks') position in the training
        stream divided by `BLOCK`.

    Returns:
      int64 [2].
    """
    key = tf.constant([seed & (1 << 63) - 1, draw], tf.int64)
    return tf.random.experimental.stateless_fold_in(key, block, alg=_ALGORITHM)


def draw_crop_offsets(seed: tf.Tensor, crop_positions: int) -> tf.Tensor:
    """Crops' top left corners, uniform on 0..crop_positions-1 (section 4.1).

    Args:
      seed: int64 [2].
      crop_positions: per axis: 32 in the paper, 33 in the source.

    Returns:
      int32 [BLOCK, 2]: pixels from the top, pixels from the left.
    """
    return tf.random.stateless_uniform(
        [BLOCK, 2], seed, 0, crop_positions, tf.int32, alg=_ALGORITHM
    )


def draw_mirror(seed: tf.Tensor) -> tf.Tensor:
    """Whether to mirror, for seed int64 [2]: bool [BLOCK], half of them true."""
    drawn = tf.random.stateless_uniform([BLOCK], seed, 0, 2, tf.int32, alg=_ALGORITHM)
    return drawn > 0


def draw_colour_shift(
    seed: tf.Tensor,
    eigenvalues: np.ndarray,
    eigenvectors: np.ndarray,
    stddev: float,
    kind: str,
) -> tf.Tensor:
    """What the PCA colour shift adds to every pixel of a picture (section 4.1).

      shift = [p1 p2 p3] [a1 w1, a2 w2, a3 w3]^T,   a ~ N(0, stddev^2)

    with p the eigenvectors and l the eigenvalues of the RGB covariance. `kind` "paper":
    w = l, the covariance being that of pixels in 0..1 (l / 255^2), the shift times 255
    to be added to pixels in 0..255; so w = l / 255. In units of 0..255 throughout, the
    formula would add over a thousand grey levels. "source": w = sqrt(l), whose sum
    with the picture is divided by 1 + stddev afterwards.

    Args:
      seed: int64 [2].
      eigenvalues: [3], of the covariance of pixels in 0..255.
      eigenvectors: [3, 3], columns in the eigenvalues' order.
      stddev: of a; 0.1.
      kind: "paper" or "source".

    Returns:
      float32 [BLOCK, 3], R, G, B, grey levels of pixels in 0..255.
    """
    weights = eigenvalues / 255.0 if kind == "paper" else np.sqrt(eigenvalues)
    axes = tf.constant(eigenvectors * (weights * stddev), tf.float32)
    normal = tf.random.stateless_normal([BLOCK, 3], seed, alg=_ALGORITHM)
    return tf.matmul(normal, axes, transpose_b=True)


def draw_sequence(
    draw: Callable[[tf.Tensor], tf.Tensor],
    seed: int,
    kind: int,
    first: tf.Tensor,
    count: int,
) -> tf.Tensor:
    """Draws first .. first+count-1 of an endless sequence made block by block.

    Args:
      draw: from a seed, int64 [2], to the draws of a block, [BLOCK, ...].
      seed: the run's.
      kind: `OFFSETS`, `MIRROR` or `COLOUR_SHIFT`.
      first: int64 scalar, from 0.
      count: how many.

    Returns:
      [count, ...].
    """
    block = first // BLOCK
    num_blocks = (count - 1) // BLOCK + 2
    draws = [draw(make_seed(seed, kind, block + i)) for i in range(num_blocks)]
    start = first - block * BLOCK
    return tf.concat(draws, 0)[start : start + count]


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
    return tf.raw_ops.Reverse(tensor=image, dims=tf.stack([False, mirrored, False]))


def centre_crop(image: tf.Tensor, crop_size: int) -> tf.Tensor:
    """The central [crop_size, crop_size, 3] of a square image [size, size, 3]."""
    offset = (image.shape[0] - crop_size) // 2
    return crop(image, tf.constant([offset, offset]), crop_size)


def make_ten_views(image: tf.Tensor, crop_size: int = 224) -> tf.Tensor:
    """The four corners and the centre, then their mirror images (section 4.1).

    Args:
      image: [size, size, 3] of any dtype, size at least `crop_size`.
      crop_size: pixels.

    Returns:
      [10, crop_size, crop_size, 3]: top left, top right, bottom left, bottom right,
      centre, and the same five mirrored.
    """
    end = image.shape[0] - crop_size
    corners = [(0, 0), (0, end), (end, 0), (end, end)]
    views = [crop(image, tf.constant(corner), crop_size) for corner in corners]
    five = tf.stack([*views, centre_crop(image, crop_size)])
    return tf.concat([five, tf.reverse(five, [2])], 0)


def add_colour(image: tf.Tensor, colour: tf.Tensor) -> tf.Tensor:
    """Adds float32 [3] to every pixel of an image, float32 [height, width, 3].

    Whole rows are added: TensorFlow takes several times as long to repeat three values.
    """
    height, width, channels = image.shape
    rows = tf.reshape(image, [height, width * channels])
    return tf.reshape(rows + tf.tile(colour, [width]), [height, width, channels])


def make_training_draws(
    data: DataConfig, statistics: Statistics, num_records: int, seed: int, count: int
) -> Callable[[tf.Tensor], Draws]:
    """What chance decides of `count` pictures that follow each other.

    Where `data.crop_chunk` is above 1, pictures whose position divided by it agrees
    share offsets and mirroring; the colour shift is each picture's own.

    Args:
      data: the settings.
      statistics: of the training split.
      num_records: of the training split; positions count on from epoch to epoch.
      seed: the run's.
      count: pictures, the batch's.

    Returns:
      A function of the first picture's position in the training stream, int64 scalar
      (epoch * num_records + index), giving `Draws` [count, ...].
    """
    last_shifted = data.colour_shift_epochs * num_records
    num_chunks = (count - 1) // data.crop_chunk + 2

    def draw_offsets(seed: tf.Tensor) -> tf.Tensor:
        return draw_crop_offsets(seed, data.crop_positions)

    def draw_shift(seed: tf.Tensor) -> tf.Tensor:
        return draw_colour_shift(
            seed,
            statistics.eigenvalues,
            statistics.eigenvectors,
            data.colour_shift_stddev,
            data.colour_shift,
        )

    def draw(first: tf.Tensor) -> Draws:
        positions = first + tf.range(count, dtype=tf.int64)
        chunks = positions // data.crop_chunk

        def draw_by_chunk(
            draw: Callable[[tf.Tensor], tf.Tensor], kind: int
        ) -> tf.Tensor:
            by_chunk = draw_sequence(draw, seed, kind, chunks[0], num_chunks)
            return tf.gather(by_chunk, chunks - chunks[0])

        offsets = draw_by_chunk(draw_offsets, OFFSETS)
        mirrored = tf.zeros([count], tf.bool)
        if data.mirror:
            mirrored = draw_by_chunk(draw_mirror, MIRROR)
        shift, divisor = tf.zeros([count, 3]), tf.ones([count])
        if data.colour_shift != "none":
            shift = draw_sequence(draw_shift, seed, COLOUR_SHIFT, first, count)
        if data.colour_shift == "source":
            divisor += data.colour_shift_stddev
        if data.colour_shift_epochs:
            is_shifted = positions < last_shifted
            shift = tf.where(is_shifted[:, tf.newaxis], shift, 0.0)
            divisor = tf.where(is_shifted, divisor, 1.0)
        return Draws(offsets, mirrored, shift, divisor)

    return draw


def make_training_transform(
    data: DataConfig, statistics: Statistics
) -> Callable[[tf.Tensor, Draws], tf.Tensor]:
    """What a picture undergoes in training; see the module's formula.

    The mean under "same_crop" is that of the picture's own crop, mirrored with it (the
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
    mean_image = tf.constant(statistics.mean_image, tf.float32)
    both_means = tf.stack([mean_image, tf.reverse(mean_image, [1])])
    last_offset = mean_image.shape[1] - size
    fixed_mean = make_centre_mean(data, statistics)

    def cut_mean(offsets: tf.Tensor, mirrored: tf.Tensor) -> tf.Tensor:
        # The crop's mirror image is a crop of the mean's mirror image.
        top, left = offsets[0], offsets[1]
        left = tf.where(mirrored, last_offset - left, left)
        begin = tf.stack([tf.cast(mirrored, tf.int32), top, left, 0])
        return tf.slice(both_means, begin, [1, size, size, 3])[0]

    def transform(image: tf.Tensor, draws: Draws) -> tf.Tensor:
        offsets, mirrored, shift, divisor = draws
        picture = mirror(crop(image, offsets, size), mirrored)
        mean = fixed_mean
        if data.mean == "same_crop":
            mean = cut_mean(offsets, mirrored)
        centred = tf.cast(picture, tf.float32) - mean
        if data.colour_shift == "none":
            return centred
        shifted = add_colour(centred, shift)
        return shifted / divisor if data.colour_shift == "source" else shifted

    return transform


def make_evaluation_transform(
    data: DataConfig, statistics: Statistics, num_views: int
) -> Callable[[tf.Tensor], tf.Tensor]:
    """What a picture undergoes in evaluation; see the module's formula.

    Args:
      data: the settings.
      statistics: of the training split.
      num_views: 1, the centre, or 10 (section 4.1).

    Returns:
      A function of image, uint8 [size, size, 3], giving float32
      [crop_size, crop_size, 3], or [10, crop_size, crop_size, 3] for ten views.
    """
    mean_image = tf.constant(statistics.mean_image, tf.float32)
    make_views = centre_crop if num_views == 1 else make_ten_views
    mean = make_centre_mean(data, statistics)
    if data.mean == "same_crop":
        mean = make_views(mean_image, data.crop_size)

    def transform(image: tf.Tensor) -> tf.Tensor:
        return tf.cast(make_views(image, data.crop_size), tf.float32) - mean

    return transform


def make_centre_mean(data: DataConfig, statistics: Statistics) -> tf.Tensor:
    """What is subtracted from a centre view: float32 [crop_size, crop_size, 3]."""
    # Of one colour for "channel".
    mean_image = statistics.mean_image
    if data.mean == "channel":
        mean_image = np.broadcast_to(statistics.mean_rgb, mean_image.shape)
    return centre_crop(tf.constant(mean_image, tf.float32), data.crop_size)
