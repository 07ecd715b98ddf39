"""Tests of `alexnet_tf.augment`: geometry, formulas and the statistics of draws."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf import augment
from alexnet_tf.config import DataConfig
from tfrecords.statistics import Statistics

# cuda-convnet2, make-data/input_meta: pixels 0..255, largest first.
AUTHORS_STDDEVS = np.array([121.78, 37.09, 19.72])
AUTHORS_EIGENVECTORS = np.array(
    [[0.5635, 0.5762, 0.592], [-0.7126, -0.0235, 0.7012], [0.418, -0.817, 0.3973]]
).T

NUM_DRAWS = 4096


def make_statistics() -> Statistics:
    generator = np.random.default_rng(5)
    mean_image = generator.uniform(90, 130, (256, 256, 3))
    eigenvectors = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    eigenvalues = np.array([14800.0, 1376.0, 389.0])
    return Statistics(
        num_images=7,
        mean_image=mean_image,
        mean_rgb=mean_image.mean((0, 1)),
        covariance=eigenvectors @ np.diag(eigenvalues) @ eigenvectors.T,
        eigenvalues=eigenvalues,
        eigenvectors=eigenvectors,
    )


def make_coordinate_image() -> np.ndarray:
    """uint8 [256, 256, 3] whose pixel (y, x) is (y, x, 7)."""
    image = np.full((256, 256, 3), 7, np.uint8)
    image[..., 0] = np.arange(256)[:, np.newaxis]
    image[..., 1] = np.arange(256)
    return image


def make_noise_image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (256, 256, 3)).astype(np.uint8)


def draw_in_map(draw, kind, seed=1):
    """The first NUM_DRAWS of a kind, drawn 64 at a time inside `Dataset.map`."""
    firsts = tf.data.Dataset.range(0, NUM_DRAWS, 64).map(
        lambda first: augment.draw_sequence(draw, seed, kind, first, 64)
    )
    return np.concatenate(list(firsts.as_numpy_iterator()))


def compute_chi_square(counts: np.ndarray) -> float:
    expected = counts.sum() / counts.size
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("crop_positions", [32, 33])
def test_offsets_are_uniform_and_independent(crop_positions):
    offsets = draw_in_map(
        lambda seed: augment.draw_crop_offsets(seed, crop_positions), augment.OFFSETS
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


def test_half_of_the_pictures_are_mirrored():
    mirrored = draw_in_map(augment.draw_mirror, augment.MIRROR)
    assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / np.sqrt(NUM_DRAWS)
    changes = (mirrored[1:] != mirrored[:-1]).mean()
    assert abs(changes - 0.5) < 4 * 0.5 / np.sqrt(NUM_DRAWS)


@pytest.mark.parametrize("kind", ["paper", "source"])
def test_covariance_of_the_colour_shift(kind):
    statistics = make_statistics()
    shifts = draw_in_map(
        lambda seed: augment.draw_colour_shift(
            seed, statistics.eigenvalues, statistics.eigenvectors, 0.1, kind
        ),
        augment.COLOUR_SHIFT,
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
    # The same said in grey levels: V diag((0.1 w)^2) V^T.
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
        return augment.draw_colour_shift(
            seed, AUTHORS_STDDEVS**2, AUTHORS_EIGENVECTORS, 0.1, kind
        )

    shifts = draw_in_map(shift, augment.COLOUR_SHIFT, seed=3)
    along_axes = shifts @ np.linalg.inv(AUTHORS_EIGENVECTORS).T / divisor
    np.testing.assert_allclose(along_axes.std(0), expected, rtol=0.05)


def test_each_draw_is_a_function_of_seed_kind_and_position():
    def draw(seed, kind, position):
        offsets = augment.draw_sequence(
            lambda seed: augment.draw_crop_offsets(seed, 1 << 20),
            seed,
            kind,
            tf.constant(position, tf.int64),
            1,
        )
        return tuple(offsets[0].numpy())

    arguments = [
        (seed, kind, position)
        for seed in (0, 1, 2**64 + 5)
        for kind in (augment.OFFSETS, augment.MIRROR, augment.COLOUR_SHIFT)
        for position in (0, 1, 2**40)
    ]
    draws = [draw(*each) for each in arguments]
    assert draws == [draw(*each) for each in arguments]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize("count", [1, 3, augment.BLOCK, 2 * augment.BLOCK + 1])
def test_draws_do_not_depend_on_the_batch(count):
    def draw(first, count):
        return augment.draw_sequence(
            augment.draw_mirror, 4, augment.MIRROR, tf.constant(first, tf.int64), count
        ).numpy()

    straight = draw(0, 5 * augment.BLOCK)
    for first in (0, 1, augment.BLOCK - 1, augment.BLOCK, 2 * augment.BLOCK - 2):
        np.testing.assert_array_equal(
            draw(first, count), straight[first : first + count]
        )


def test_draws_never_change():
    """Runs are continued under other versions: these numbers are part of the design."""
    data = dataclasses.replace(DataConfig(), colour_shift_stddev=1.0)
    statistics = dataclasses.replace(
        make_statistics(), eigenvalues=np.full(3, 255.0), eigenvectors=np.eye(3)
    )
    draw = augment.make_training_draws(data, statistics, 10, 7, 4)
    draws = draw(tf.constant(254, tf.int64))
    assert draws.offsets.numpy().tolist() == [[31, 25], [6, 8], [10, 22], [27, 6]]
    assert draws.mirrored.numpy().tolist() == [True, True, False, True]
    np.testing.assert_allclose(
        draws.shift[3], [-1.60076582, -0.15217608, -0.30111024], atol=1e-6
    )
    np.testing.assert_array_equal(draws.divisor, 1)


def test_crop_mirror_and_centre():
    image = make_coordinate_image()
    part = augment.crop(image, tf.constant([3, 31]), 224).numpy()
    assert part.shape == (224, 224, 3) and part.dtype == np.uint8
    assert part[0, 0].tolist() == [3, 31, 7]
    assert part[-1, -1].tolist() == [226, 254, 7]
    flipped = augment.mirror(tf.constant(part), tf.constant(True)).numpy()
    assert flipped[0, 0].tolist() == [3, 254, 7]
    np.testing.assert_array_equal(flipped, part[:, ::-1])
    kept = augment.mirror(tf.constant(part), tf.constant(False)).numpy()
    np.testing.assert_array_equal(kept, part)
    centre = augment.centre_crop(tf.constant(image), 224).numpy()
    np.testing.assert_array_equal(centre, image[16:240, 16:240])


def test_add_colour():
    image = np.random.default_rng(0).normal(size=(5, 7, 3)).astype(np.float32)
    colour = np.array([1, -2, 30], np.float32)
    found = augment.add_colour(tf.constant(image), tf.constant(colour))
    np.testing.assert_array_equal(found, image + colour)


def test_ten_views():
    views = augment.make_ten_views(tf.constant(make_coordinate_image())).numpy()
    assert views.shape == (10, 224, 224, 3) and views.dtype == np.uint8
    top_left = views[:, 0, 0, :2].tolist()
    offsets = [[0, 0], [0, 32], [32, 0], [32, 32], [16, 16]]
    assert top_left[:5] == offsets
    # Mirrored: the top left pixel was the top right one.
    assert top_left[5:] == [[y, x + 223] for y, x in offsets]
    np.testing.assert_array_equal(views[5:], views[:5, :, ::-1])


def draw_one(draw, seed, kind, position):
    position = tf.constant(position, tf.int64)
    return augment.draw_sequence(draw, seed, kind, position, 1)[0].numpy()


def compute_reference(image, position, data, statistics, num_records, seed):
    """The whole per-picture function in NumPy float64, draws apart."""
    chunk = position // data.crop_chunk
    y, x = draw_one(
        lambda seed: augment.draw_crop_offsets(seed, data.crop_positions),
        seed,
        augment.OFFSETS,
        chunk,
    )
    mirrored = data.mirror and draw_one(
        augment.draw_mirror, seed, augment.MIRROR, chunk
    )
    size = data.crop_size
    step = -1 if mirrored else 1
    picture = image[y : y + size, x : x + size][:, ::step].astype(np.float64)
    margin = (256 - size) // 2
    mean = {
        "same_crop": statistics.mean_image[y : y + size, x : x + size][:, ::step],
        "centre_crop": statistics.mean_image[margin:-margin, margin:-margin],
        "channel": statistics.mean_rgb,
    }[data.mean]
    epoch = position // num_records
    ended = data.colour_shift_epochs and epoch >= data.colour_shift_epochs
    if data.colour_shift == "none" or ended:
        return picture - mean
    normal = draw_one(
        lambda seed: tf.random.stateless_normal([augment.BLOCK, 3], seed, alg="philox"),
        seed,
        augment.COLOUR_SHIFT,
        position,
    )
    alphas = data.colour_shift_stddev * normal.astype(np.float64)
    if data.colour_shift == "paper":
        in_unit_range = statistics.eigenvectors @ (
            alphas * statistics.eigenvalues / 255.0**2
        )
        return picture - mean + 255.0 * in_unit_range
    shift = statistics.eigenvectors @ (alphas * np.sqrt(statistics.eigenvalues))
    return (picture - mean + shift) / (1.0 + data.colour_shift_stddev)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mean": "centre_crop", "colour_shift": "source", "crop_positions": 33},
        {"mean": "channel", "colour_shift": "none", "crop_chunk": 4},
        {"colour_shift": "source", "colour_shift_epochs": 1, "crop_size": 200},
        {"mirror": False, "colour_shift_stddev": 0.5},
    ],
)
def test_training_transform_equals_numpy_eagerly_and_in_map(changes):
    data = dataclasses.replace(DataConfig(), **changes)
    statistics = make_statistics()
    num_records, seed = 5, 11
    draw = augment.make_training_draws(data, statistics, num_records, seed, 8)
    transform = augment.make_training_transform(data, statistics)
    images = np.stack([make_noise_image(n) for n in range(8)])
    draws = draw(tf.constant(0, tf.int64))
    drawn_in_map = tf.data.Dataset.from_tensors(tf.constant(0, tf.int64)).map(draw)
    pairs = tf.data.Dataset.zip(
        (tf.data.Dataset.from_tensor_slices(images), drawn_in_map.unbatch())
    )
    in_map = list(pairs.map(transform).as_numpy_iterator())
    for position, image in enumerate(images):
        eager = transform(tf.constant(image), draws.pick(position)).numpy()
        assert eager.dtype == np.float32
        assert eager.shape == (data.crop_size, data.crop_size, 3)
        np.testing.assert_array_equal(in_map[position], eager)
        expected = compute_reference(
            image, position, data, statistics, num_records, seed
        )
        np.testing.assert_allclose(eager, expected, rtol=0, atol=1e-4)


def test_pictures_of_a_chunk_share_crop_and_mirror_but_not_the_shift():
    data = dataclasses.replace(DataConfig(), crop_chunk=4, mean="channel")
    # From position 3 on: the first picture ends a chunk.
    draw = augment.make_training_draws(data, make_statistics(), 6, 0, 33)
    draws = draw(tf.constant(3, tf.int64))
    transform = augment.make_training_transform(data, make_statistics())
    image = tf.constant(make_coordinate_image())
    pictures = [
        transform(image, draws.pick(n)).numpy().astype(np.float64) for n in range(1, 33)
    ]
    # Without the shift, a picture of coordinates tells where it was cut out.
    geometry = [np.round(p - p[0, 0], 2).tobytes() for p in pictures]
    places = [np.round(p[0, 0] - p[0, 0, 2], 0).tobytes() for p in pictures]
    shifts = [float(p[0, 0, 2]) for p in pictures]
    for start in range(0, 32, 4):
        assert len(set(geometry[start : start + 4])) == 1
    assert len(set(geometry)) == 2 and len(set(places)) > 4
    assert len(set(shifts)) == 32


@pytest.mark.parametrize("mean", ["same_crop", "centre_crop", "channel"])
def test_evaluation_transform_subtracts_the_right_mean(mean):
    data = dataclasses.replace(DataConfig(), mean=mean, colour_shift="source")
    statistics = make_statistics()
    image = make_noise_image(0)
    ten = augment.make_evaluation_transform(data, statistics, 10)(tf.constant(image))
    one = augment.make_evaluation_transform(data, statistics, 1)(tf.constant(image))
    offsets = [(0, 0), (0, 32), (32, 0), (32, 32), (16, 16)]
    for view, (y, x) in enumerate(offsets):
        for mirrored in (False, True):
            part = (slice(y, y + 224), slice(x, x + 224))
            step = -1 if mirrored else 1
            expected_mean = {
                "same_crop": statistics.mean_image[part][:, ::step],
                "centre_crop": statistics.mean_image[16:240, 16:240],
                "channel": statistics.mean_rgb,
            }[mean]
            expected = image[part][:, ::step] - expected_mean
            found = ten[view + 5 * mirrored].numpy()
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(one.numpy(), ten[4].numpy())
    in_map = tf.data.Dataset.from_tensors(image).map(
        augment.make_evaluation_transform(data, statistics, 10)
    )
    np.testing.assert_array_equal(next(iter(in_map)).numpy(), ten.numpy())


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
