"""Random draws for augmentation: crop, mirror and colour shift (paper, section 4.1).

They are drawn per batch, as drawing costs as much for one image as for many. A
stateless generator makes each draw a function of only the run's seed and the image's
position in the training stream: no state is kept, and an image's draws do not depend on
the batch that it is in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from alexnet_tf.config.schema import DataConfig
from tfrecords.shards.statistics import Statistics

# The kinds of draws; each has its own seed.
OFFSETS, MIRROR, COLOUR_SHIFT = range(3)
# Number of draws per seed. Never change it: every draw depends on it.
BLOCK = 256
# Fixed, so that the draws are the same on every device and in every version.
_ALGORITHM = "philox"


class Draws(NamedTuple):
    """The random draws for a batch of images, or, without the [B], for one image."""

    # int32 [B, 2], the crop's top left corner, pixels from the top and left.
    offsets: tf.Tensor
    mirrored: tf.Tensor  # bool [B]
    shift: tf.Tensor  # float32 [B, 3], RGB, added to every pixel of 0..255
    divisor: tf.Tensor  # float32 [B], divides the sum; 1 except for the source's shift

    def pick(self, index: int) -> Draws:
        """The draws of one image of the batch."""
        return Draws(*(values[index] for values in self))


def make_seed(seed: int, draw: int, block: tf.Tensor) -> tf.Tensor:
    """The seed, int64 [2], of a kind of draw for a block of images.

    `draw` is `OFFSETS`, `MIRROR` or `COLOUR_SHIFT`; `block`, an int64 scalar, is the
    images' (or their chunks') position in the training stream divided by `BLOCK`.
    """
    key = tf.constant([seed & (1 << 63) - 1, draw], tf.int64)
    return tf.random.experimental.stateless_fold_in(key, block, alg=_ALGORITHM)


def draw_crop_offsets(seed: tf.Tensor, crop_positions: int) -> tf.Tensor:
    """Draws the crops' top left corners, uniform on 0..crop_positions-1 (section 4.1).

    `crop_positions` is 32 per axis in the paper, 33 in the source. Returns, for a seed
    int64 [2], int32 [BLOCK, 2]: pixels from the top and left of the first crop, which
    is at `find_first_offset`.
    """
    return tf.random.stateless_uniform(
        [BLOCK, 2], seed, 0, crop_positions, tf.int32, alg=_ALGORITHM
    )


def draw_mirror(seed: tf.Tensor) -> tf.Tensor:
    """Draws whether to mirror, for seed int64 [2]: bool [BLOCK], true for half."""
    drawn = tf.random.stateless_uniform([BLOCK], seed, 0, 2, tf.int32, alg=_ALGORITHM)
    return drawn > 0


def draw_colour_shift(
    seed: tf.Tensor,
    eigenvalues: np.ndarray,
    eigenvectors: np.ndarray,
    stddev: float,
    kind: str,
) -> tf.Tensor:
    """Draws the PCA colour shift, added to every pixel of an image (section 4.1).

      shift = [p1 p2 p3] [a1 w1, a2 w2, a3 w3]^T,   a ~ N(0, stddev^2)

    with p the eigenvectors (columns of [3, 3]) and l the eigenvalues [3] of the
    covariance of RGB pixels in 0..255. For `kind` "paper", the formula holds for pixels
    in 0..1, whose eigenvalues are l / 255^2, and the shift is multiplied by 255, so w =
    l / 255. (With w = l, it would exceed a thousand on the scale 0..255.) For "source",
    w = sqrt(l), and the shifted image is later divided by 1 + stddev. The paper's
    stddev is 0.1.

    Returns:
      For a seed int64 [2], float32 [BLOCK, 3], RGB, on the scale of pixels in 0..255.
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
    """Draws numbers first .. first+count-1 of an endless sequence: [count, ...].

    `draw` maps a seed, int64 [2], to the draws of a block, [BLOCK, ...]; `seed` and
    `kind` are those of `make_seed`, and `first`, an int64 scalar, counts from 0.
    """
    block = first // BLOCK
    num_blocks = (count - 1) // BLOCK + 2
    draws = [draw(make_seed(seed, kind, block + i)) for i in range(num_blocks)]
    start = first - block * BLOCK
    return tf.concat(draws, 0)[start : start + count]


def find_first_offset(data: DataConfig, image_size: int) -> int:
    """The smallest crop offset: all crops together lie in the centre of the image.

    It is 0 for the paper's crops, which leave out one row and column of the image.
    With `crop_origin` "corner", it is 0 for any others, too, but a single one.
    """
    if data.crop_origin == "corner" and data.crop_positions > 1:
        return 0
    return (image_size - compute_seen_size(data)) // 2


def compute_seen_size(data: DataConfig) -> int:
    """Side of the square that all crops of training cover together, pixels."""
    return data.crop_size + data.crop_positions - 1


def make_training_draws(
    data: DataConfig, statistics: Statistics, num_records: int, seed: int, count: int
) -> Callable[[tf.Tensor], Draws]:
    """Makes the function that draws for `count` consecutive images.

    With `data.crop_chunk` above 1, images with the same position // crop_chunk share
    offsets and mirroring; each image has its own colour shift.

    Returns:
      A function from the first image's position in the training stream, int64 scalar
      (epoch * num_records + index, with the training split's number of records), to
      `Draws` [count, ...].
    """
    last_shifted = data.colour_shift_epochs * num_records
    num_chunks = (count - 1) // data.crop_chunk + 2

    first_offset = find_first_offset(data, len(statistics.mean_image))

    def draw_offsets(seed: tf.Tensor) -> tf.Tensor:
        return first_offset + draw_crop_offsets(seed, data.crop_positions)

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
