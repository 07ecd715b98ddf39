"""Tests of `data.training_transform`: both forms of the formula, and their parts."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.config.schema import DataConfig
from alexnet_tf.data import evaluation_views, random_draws, training_transform
from tests.alexnet_tf.made_images import make_coordinate_image, make_noise_image
from tests.alexnet_tf.made_statistics import make_statistics

SETTINGS = [
    {},
    {"mean": "centre_crop", "colour_shift": "source", "crop_positions": 33},
    {"mean": "channel", "colour_shift": "none", "crop_chunk": 4},
    {"colour_shift": "source", "colour_shift_epochs": 1, "crop_size": 200},
    {"mirror": False, "colour_shift_stddev": 0.5},
    {"crop_positions": 1},
    {"crop_size": 200, "crop_origin": "corner", "colour_shift": "none"},
]


def test_crop_mirror_and_centre():
    image = make_coordinate_image()
    part = training_transform.crop(image, tf.constant([3, 31]), 224).numpy()
    assert part.shape == (224, 224, 3) and part.dtype == np.uint8
    assert part[0, 0].tolist() == [3, 31, 7]
    assert part[-1, -1].tolist() == [226, 254, 7]
    flipped = training_transform.mirror(tf.constant(part), tf.constant(True)).numpy()
    assert flipped[0, 0].tolist() == [3, 254, 7]
    np.testing.assert_array_equal(flipped, part[:, ::-1])
    kept = training_transform.mirror(tf.constant(part), tf.constant(False)).numpy()
    np.testing.assert_array_equal(kept, part)
    centre = evaluation_views.centre_crop(tf.constant(image), 224).numpy()
    np.testing.assert_array_equal(centre, image[16:240, 16:240])


def test_add_colour():
    image = np.random.default_rng(0).normal(size=(5, 7, 3)).astype(np.float32)
    colour = np.array([1, -2, 30], np.float32)
    found = training_transform.add_colour(tf.constant(image), tf.constant(colour))
    np.testing.assert_array_equal(found, image + colour)


def draw_one(draw, seed, kind, position):
    position = tf.constant(position, tf.int64)
    return random_draws.draw_sequence(draw, seed, kind, position, 1)[0].numpy()


def compute_reference(image, position, data, statistics, num_records, seed):
    """The whole per-image transform, except the draws, in NumPy float64."""
    chunk = position // data.crop_chunk
    y, x = draw_one(
        lambda seed: random_draws.draw_crop_offsets(seed, data.crop_positions),
        seed,
        random_draws.OFFSETS,
        chunk,
    )
    # All crops together are in the middle; for the paper's, (256 - 255) // 2 is 0.
    first = (256 - (data.crop_size + data.crop_positions - 1)) // 2
    first *= data.crop_origin == "centre"
    y, x = y + first, x + first
    mirrored = data.mirror and draw_one(
        random_draws.draw_mirror, seed, random_draws.MIRROR, chunk
    )
    size = data.crop_size
    step = -1 if mirrored else 1
    cropped = image[y : y + size, x : x + size][:, ::step].astype(np.float64)
    margin = (256 - size) // 2
    mean = {
        "same_crop": statistics.mean_image[y : y + size, x : x + size][:, ::step],
        "centre_crop": statistics.mean_image[margin:-margin, margin:-margin],
        "channel": statistics.mean_rgb,
    }[data.mean]
    epoch = position // num_records
    ended = data.colour_shift_epochs and epoch >= data.colour_shift_epochs
    if data.colour_shift == "none" or ended:
        return cropped - mean
    normal = draw_one(
        lambda seed: tf.random.stateless_normal(
            [random_draws.BLOCK, 3], seed, alg="philox"
        ),
        seed,
        random_draws.COLOUR_SHIFT,
        position,
    )
    alphas = data.colour_shift_stddev * normal.astype(np.float64)
    if data.colour_shift == "paper":
        in_unit_range = statistics.eigenvectors @ (
            alphas * statistics.eigenvalues / 255.0**2
        )
        return cropped - mean + 255.0 * in_unit_range
    shift = statistics.eigenvectors @ (alphas * np.sqrt(statistics.eigenvalues))
    return (cropped - mean + shift) / (1.0 + data.colour_shift_stddev)


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_training_transform_equals_numpy_eagerly_and_in_map(changes):
    data = dataclasses.replace(DataConfig(), **changes)
    statistics = make_statistics()
    num_records, seed = 5, 11
    draw = random_draws.make_training_draws(data, statistics, num_records, seed, 8)
    transform = training_transform.make_image_transform(data, statistics)
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


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_a_batch_is_finished_as_its_images_are(changes):
    data = dataclasses.replace(DataConfig(), finish_on="device", **changes)
    statistics = make_statistics()
    draws = random_draws.make_training_draws(data, statistics, 5, 11, 8)(
        tf.constant(0, tf.int64)
    )
    images = [tf.constant(make_noise_image(n)) for n in range(8)]
    transform = training_transform.make_image_transform(data, statistics)
    expected = [transform(image, draws.pick(n)) for n, image in enumerate(images)]
    pixels = [
        training_transform.crop(image, draws.offsets[n], data.crop_size)
        for n, image in enumerate(images)
    ]
    finish = training_transform.make_device_part(data, statistics)
    found = finish(training_transform.Crops(tf.stack(pixels), draws)).numpy()
    assert found.dtype == np.float32
    # Equal to the last bit on the CPU: a resumed run may switch between them.
    np.testing.assert_array_equal(found, np.stack(expected))


def test_batches_are_finished_by_xla_where_it_fuses_them(monkeypatch):
    def resolve(finish_on):
        return training_transform.is_finished_on_device(DataConfig(finish_on=finish_on))

    assert resolve("device") and not resolve("host")
    for fuses in (True, False):
        monkeypatch.setattr(stack, "XLA_FUSES_LOOPS", fuses)
        has_gpu = bool(tf.config.list_physical_devices("GPU"))
        assert resolve("auto") == (fuses or has_gpu)


def test_images_of_a_chunk_share_crop_and_mirror_but_not_the_shift():
    data = dataclasses.replace(DataConfig(), crop_chunk=4, mean="channel")
    # From position 3 on: the first image ends a chunk.
    draw = random_draws.make_training_draws(data, make_statistics(), 6, 0, 33)
    draws = draw(tf.constant(3, tf.int64))
    transform = training_transform.make_image_transform(data, make_statistics())
    image = tf.constant(make_coordinate_image())
    images = [
        transform(image, draws.pick(n)).numpy().astype(np.float64) for n in range(1, 33)
    ]
    # Without the shift, an image of coordinates shows where it was cut out.
    geometry = [np.round(p - p[0, 0], 2).tobytes() for p in images]
    places = [np.round(p[0, 0] - p[0, 0, 2], 0).tobytes() for p in images]
    shifts = [float(p[0, 0, 2]) for p in images]
    for start in range(0, 32, 4):
        assert len(set(geometry[start : start + 4])) == 1
    assert len(set(geometry)) == 2 and len(set(places)) > 4
    assert len(set(shifts)) == 32


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
