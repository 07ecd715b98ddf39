"""What chance decides of an image: crop, mirror and colour shift (paper, section 4.1).

Drawn for a batch at a time, as drawing costs as much for one image as for many. Each
draw is a function of the run's seed and of the image's position in the training
stream alone, by a stateless generator: nothing is remembered between images, and an
image's draws are the same in any batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from alexnet_tf.config.schema import DataConfig
from tfrecords.shards.statistics import Statistics

# Which of an image's draws a seed is for.
OFFSETS, MIRROR, COLOUR_SHIFT = range(3)
# Draws that one seed makes. It decides every draw: never change it.
BLOCK = 256
# Named, so that the draws are the same on every device and in every version.
_ALGORITHM = "philox"


class Draws(NamedTuple):
    """What chance decides of the images of a batch, or of one without the [B].

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
        """Those of one image of the batch."""
        return Draws(*(values[index] for values in self))


def make_seed(seed: int, draw: int, block: tf.Tensor) -> tf.Tensor:
    """The seed of one kind of draw for a block of images.

    Args:
      seed: the run's.
      draw: `OFFSETS`, `MIRROR` or `COLOUR_SHIFT`.
      block: int64 scalar, the images' (or their chunks') position in the training
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
    """What the PCA colour shift adds to every pixel of an image (section 4.1).

      shift = [p1 p2 p3] [a1 w1, a2 w2, a3 w3]^T,   a ~ N(0, stddev^2)

    with p the eigenvectors and l the eigenvalues of the RGB covariance. `kind` "paper":
    w = l, the covariance being that of pixels in 0..1 (l / 255^2), the shift times 255
    to be added to pixels in 0..255; so w = l / 255. In units of 0..255 throughout, the
    formula would add over a thousand grey levels. "source": w = sqrt(l), whose sum
    with the image is divided by 1 + stddev afterwards.

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


def make_training_draws(
    data: DataConfig, statistics: Statistics, num_records: int, seed: int, count: int
) -> Callable[[tf.Tensor], Draws]:
    """What chance decides of `count` images that follow each other.

    Where `data.crop_chunk` is above 1, images whose position divided by it agrees
    share offsets and mirroring; the colour shift is each image's own.

    Args:
      data: the settings.
      statistics: of the training split.
      num_records: of the training split; positions count on from epoch to epoch.
      seed: the run's.
      count: images, the batch's.

    Returns:
      A function of the first image's position in the training stream, int64 scalar
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
