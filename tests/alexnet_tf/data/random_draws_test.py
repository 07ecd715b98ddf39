"""Tests of `data.random_draws`: statistics and reproducibility of the draws."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.config.schema import DataConfig
from alexnet_tf.data import random_draws
from tests.alexnet_tf.made_statistics import make_statistics

# cuda-convnet2, make-data/input_meta: pixels 0..255, largest first.
AUTHORS_STDDEVS = np.array([121.78, 37.09, 19.72])
AUTHORS_EIGENVECTORS = np.array(
    [[0.5635, 0.5762, 0.592], [-0.7126, -0.0235, 0.7012], [0.418, -0.817, 0.3973]]
).T

NUM_DRAWS = 4096


def draw_in_map(draw, kind, seed=1):
    """The first NUM_DRAWS of a kind, drawn 64 at a time inside `Dataset.map`."""
    firsts = tf.data.Dataset.range(0, NUM_DRAWS, 64).map(
        lambda first: random_draws.draw_sequence(draw, seed, kind, first, 64)
    )
    return np.concatenate(list(firsts.as_numpy_iterator()))


def compute_chi_square(counts: np.ndarray) -> float:
    expected = counts.sum() / counts.size
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("crop_positions", [32, 33])
def test_offsets_are_uniform_and_independent(crop_positions):
    offsets = draw_in_map(
        lambda seed: random_draws.draw_crop_offsets(seed, crop_positions),
        random_draws.OFFSETS,
    )
    assert offsets.dtype == np.int32 and offsets.shape == (NUM_DRAWS, 2)
    # The 99.99 % quantiles of chi-square with 31, 32 and 63 degrees of freedom are
    # 68, 70 and 113.
    for axis in (0, 1):
        counts = np.bincount(offsets[:, axis], minlength=crop_positions)
        assert len(counts) == crop_positions
        assert compute_chi_square(counts) < 70
    eighths = offsets * 8 // crop_positions
    joint = np.bincount(eighths[:, 0] * 8 + eighths[:, 1], minlength=64)
    if crop_positions % 8 == 0:
        assert compute_chi_square(joint) < 113
    following = np.corrcoef(offsets[:-1, 0], offsets[1:, 0])[0, 1]
    assert abs(following) < 4 / np.sqrt(NUM_DRAWS)


@pytest.mark.parametrize(
    ("crop_size", "positions", "stored", "first"),
    [
        # What was always at the top left: the paper's, the source's, Caffe's, CIFAR's,
        # Tiny ImageNet's. 0 there, or recorded runs could not be repeated.
        *((224, 32, 256, 0), (224, 33, 256, 0), (227, 30, 256, 0)),
        *((24, 9, 32, 0), (32, 1, 32, 0), (112, 16, 128, 0)),
        # The central crop alone.
        (224, 1, 256, 16),
        # CIFAR's and others on larger images: 32 pixels from 112, 143 from 56.
        *((24, 9, 256, 112), (112, 32, 256, 56)),
    ],
)
def test_crops_lie_in_the_centre_of_the_stored_image(
    crop_size, positions, stored, first
):
    data = DataConfig(crop_size=crop_size, crop_positions=positions)
    statistics = dataclasses.replace(
        make_statistics(), mean_image=np.zeros((stored, stored, 3))
    )
    draw = random_draws.make_training_draws(data, statistics, 10, 7, NUM_DRAWS)
    offsets = draw(tf.constant(0, tf.int64)).offsets.numpy()
    assert offsets.min() == first
    # As many pixels remain on the right as on the left, or one more.
    assert stored - (offsets.max() + crop_size) - first in (0, 1)
    # As in runs of earlier versions.
    corner = dataclasses.replace(data, crop_origin="corner")
    draw = random_draws.make_training_draws(corner, statistics, 10, 7, NUM_DRAWS)
    in_corner = draw(tf.constant(0, tf.int64)).offsets.numpy()
    expected = offsets - first * (positions > 1)
    np.testing.assert_array_equal(in_corner, expected)


def test_half_of_the_images_are_mirrored():
    mirrored = draw_in_map(random_draws.draw_mirror, random_draws.MIRROR)
    assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / np.sqrt(NUM_DRAWS)
    changes = (mirrored[1:] != mirrored[:-1]).mean()
    assert abs(changes - 0.5) < 4 * 0.5 / np.sqrt(NUM_DRAWS)


@pytest.mark.parametrize("kind", ["paper", "source"])
def test_covariance_of_the_colour_shift(kind):
    statistics = make_statistics()
    shifts = draw_in_map(
        lambda seed: random_draws.draw_colour_shift(
            seed, statistics.eigenvalues, statistics.eigenvectors, 0.1, kind
        ),
        random_draws.COLOUR_SHIFT,
    )
    assert shifts.dtype == np.float32
    weights = {
        "paper": 255 * statistics.eigenvalues / 255**2,
        "source": np.sqrt(statistics.eigenvalues),
    }[kind]
    # Along the axes, in units of the expected deviations: a covariance of one.
    standard = shifts @ statistics.eigenvectors / (0.1 * weights)
    assert np.abs(standard.mean(0)).max() < 4 / np.sqrt(NUM_DRAWS)
    tolerance = 4 * np.sqrt(2 / NUM_DRAWS)
    assert np.abs(np.cov(standard.T) - np.eye(3)).max() < tolerance
    # The same on the scale 0..255: V diag((0.1 w)^2) V^T.
    vectors = statistics.eigenvectors
    expected = vectors @ np.diag((0.1 * weights) ** 2) @ vectors.T
    scale = (0.1 * weights[0]) ** 2
    assert np.abs(np.cov(shifts.T) - expected).max() < tolerance * scale


@pytest.mark.parametrize(
    ("kind", "divisor", "expected"),
    [("paper", 1.0, [5.82, 0.54, 0.152]), ("source", 1.1, [11.07, 3.37, 1.79])],
)
def test_the_authors_constants_give_the_published_grey_levels(kind, divisor, expected):
    def shift(seed):
        return random_draws.draw_colour_shift(
            seed, AUTHORS_STDDEVS**2, AUTHORS_EIGENVECTORS, 0.1, kind
        )

    shifts = draw_in_map(shift, random_draws.COLOUR_SHIFT, seed=3)
    along_axes = shifts @ np.linalg.inv(AUTHORS_EIGENVECTORS).T / divisor
    np.testing.assert_allclose(along_axes.std(0), expected, rtol=0.05)


def test_each_draw_is_a_function_of_seed_kind_and_position():
    def draw(seed, kind, position):
        offsets = random_draws.draw_sequence(
            lambda seed: random_draws.draw_crop_offsets(seed, 1 << 20),
            seed,
            kind,
            tf.constant(position, tf.int64),
            1,
        )
        return tuple(offsets[0].numpy())

    arguments = [
        (seed, kind, position)
        for seed in (0, 1, 2**64 + 5)
        for kind in (
            random_draws.OFFSETS,
            random_draws.MIRROR,
            random_draws.COLOUR_SHIFT,
        )
        for position in (0, 1, 2**40)
    ]
    draws = [draw(*each) for each in arguments]
    assert draws == [draw(*each) for each in arguments]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize(
    "count", [1, 3, random_draws.BLOCK, 2 * random_draws.BLOCK + 1]
)
def test_draws_do_not_depend_on_the_batch(count):
    def draw(first, count):
        return random_draws.draw_sequence(
            random_draws.draw_mirror,
            4,
            random_draws.MIRROR,
            tf.constant(first, tf.int64),
            count,
        ).numpy()

    straight = draw(0, 5 * random_draws.BLOCK)
    for first in (
        0,
        1,
        random_draws.BLOCK - 1,
        random_draws.BLOCK,
        2 * random_draws.BLOCK - 2,
    ):
        np.testing.assert_array_equal(
            draw(first, count), straight[first : first + count]
        )


def test_draws_never_change():
    """Runs may resume under another version, so these numbers must never change."""
    data = dataclasses.replace(DataConfig(), colour_shift_stddev=1.0)
    statistics = dataclasses.replace(
        make_statistics(),
        eigenvalues=np.full(3, 255.0),
        eigenvectors=np.eye(3),
    )
    draw = random_draws.make_training_draws(data, statistics, 10, 7, 4)
    draws = draw(tf.constant(254, tf.int64))
    assert draws.offsets.numpy().tolist() == [[31, 25], [6, 8], [10, 22], [27, 6]]
    assert draws.mirrored.numpy().tolist() == [True, True, False, True]
    np.testing.assert_allclose(
        draws.shift[3], [-1.60076582, -0.15217608, -0.30111024], atol=1e-6
    )
    np.testing.assert_array_equal(draws.divisor, 1)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
