"""Tests of `alexnet_tf.data.augment`: geometry and formulas."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.config.schema import DataConfig
from alexnet_tf.data import augment, random_draws
from tests import processes
from tests.alexnet_tf.made_statistics import make_statistics

SETTINGS = [
    {},
    {"mean": "centre_crop", "colour_shift": "source", "crop_positions": 33},
    {"mean": "channel", "colour_shift": "none", "crop_chunk": 4},
    {"colour_shift": "source", "colour_shift_epochs": 1, "crop_size": 200},
    {"mirror": False, "colour_shift_stddev": 0.5},
]


def make_coordinate_image() -> np.ndarray:
    """uint8 [256, 256, 3] whose pixel (y, x) is (y, x, 7)."""
    image = np.full((256, 256, 3), 7, np.uint8)
    image[..., 0] = np.arange(256)[:, np.newaxis]
    image[..., 1] = np.arange(256)
    return image


def make_noise_image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (256, 256, 3)).astype(np.uint8)


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


def test_views_of_a_batch_are_those_of_its_images():
    batch = np.stack([make_noise_image(seed) for seed in range(3)])
    ten = augment.make_ten_views(tf.constant(batch)).numpy()
    centre = augment.centre_crop(tf.constant(batch), 224).numpy()
    assert ten.shape == (3, 10, 224, 224, 3)
    for row, image in enumerate(batch):
        expected = augment.make_ten_views(tf.constant(image))
        np.testing.assert_array_equal(ten[row], expected)
        np.testing.assert_array_equal(centre[row], expected[4])


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
    return random_draws.draw_sequence(draw, seed, kind, position, 1)[0].numpy()


def compute_reference(image, position, data, statistics, num_records, seed):
    """The whole per-image function in NumPy float64, draws apart."""
    chunk = position // data.crop_chunk
    y, x = draw_one(
        lambda seed: random_draws.draw_crop_offsets(seed, data.crop_positions),
        seed,
        random_draws.OFFSETS,
        chunk,
    )
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


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_a_batch_is_finished_as_its_images_are(changes):
    data = dataclasses.replace(DataConfig(), finish_on="device", **changes)
    statistics = make_statistics()
    draws = random_draws.make_training_draws(data, statistics, 5, 11, 8)(
        tf.constant(0, tf.int64)
    )
    images = [tf.constant(make_noise_image(n)) for n in range(8)]
    transform = augment.make_training_transform(data, statistics)
    expected = [transform(image, draws.pick(n)) for n, image in enumerate(images)]
    pixels = [
        augment.crop(image, draws.offsets[n], data.crop_size)
        for n, image in enumerate(images)
    ]
    finish = augment.make_finisher(data, statistics)
    found = finish(augment.Crops(tf.stack(pixels), draws)).numpy()
    assert found.dtype == np.float32
    # On the CPU to the last bit: a run may be continued with the other.
    np.testing.assert_array_equal(found, np.stack(expected))


def test_batches_are_finished_by_xla_where_it_fuses_them(monkeypatch):
    def resolve(finish_on):
        return augment.is_finished_on_device(DataConfig(finish_on=finish_on))

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
    transform = augment.make_training_transform(data, make_statistics())
    image = tf.constant(make_coordinate_image())
    images = [
        transform(image, draws.pick(n)).numpy().astype(np.float64) for n in range(1, 33)
    ]
    # Without the shift, an image of coordinates tells where it was cut out.
    geometry = [np.round(p - p[0, 0], 2).tobytes() for p in images]
    places = [np.round(p[0, 0] - p[0, 0, 2], 0).tobytes() for p in images]
    shifts = [float(p[0, 0, 2]) for p in images]
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
    np.testing.assert_array_equal(one.numpy(), ten[4:5].numpy())


ON_DEVICES = """
import numpy as np
from alexnet_tf.data import augment
from alexnet_tf.devices import placement
from alexnet_tf.config import DataConfig
from tfrecords.shards import statistics

placement.make_placement("CPU:0,CPU:1")
sums = statistics.Accumulator(256)
image = np.zeros((256, 256, 3), np.uint8)
sums.add(image)
for device in ("/device:CPU:1", "/device:CPU:0"):
    finish = augment.make_evaluation_finisher(DataConfig(), sums.compute(), 1, device)
    print(finish(image[np.newaxis]).device.endswith(device))
"""


def test_evaluation_is_finished_on_its_device():
    done = processes.run_python("-c", ON_DEVICES, timeout=240)
    assert done.stdout.split() == ["True", "True"], done.stderr


@pytest.mark.parametrize("mean", ["same_crop", "centre_crop", "channel"])
@pytest.mark.parametrize("num_views", [1, 10])
def test_evaluation_of_a_batch_is_finished_to_the_same_bits(mean, num_views):
    data = dataclasses.replace(DataConfig(), mean=mean)
    statistics = make_statistics()
    transform = augment.make_evaluation_transform(data, statistics, num_views)
    finish = augment.make_evaluation_finisher(data, statistics, num_views)
    for count in (3, 1):
        batch = np.stack([make_noise_image(seed) for seed in range(count)])
        found = finish(tf.constant(batch))
        assert found.shape == (count, num_views, 224, 224, 3)
        for row, image in enumerate(batch):
            np.testing.assert_array_equal(found[row], transform(tf.constant(image)))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
