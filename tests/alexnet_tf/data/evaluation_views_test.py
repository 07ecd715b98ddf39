"""Tests of `alexnet_tf.data.evaluation_views`: the ten views and their mean."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.config.schema import DataConfig
from alexnet_tf.data import evaluation_views
from tests import forked_processes
from tests.alexnet_tf.made_images import make_coordinate_image, make_noise_image
from tests.alexnet_tf.made_statistics import make_statistics


def test_views_of_a_batch_are_those_of_its_images():
    batch = np.stack([make_noise_image(seed) for seed in range(3)])
    ten = evaluation_views.make_ten_views(tf.constant(batch)).numpy()
    centre = evaluation_views.centre_crop(tf.constant(batch), 224).numpy()
    assert ten.shape == (3, 10, 224, 224, 3)
    for row, image in enumerate(batch):
        expected = evaluation_views.make_ten_views(tf.constant(image))
        np.testing.assert_array_equal(ten[row], expected)
        np.testing.assert_array_equal(centre[row], expected[4])


def test_ten_views():
    views = evaluation_views.make_ten_views(
        tf.constant(make_coordinate_image())
    ).numpy()
    assert views.shape == (10, 224, 224, 3) and views.dtype == np.uint8
    top_left = views[:, 0, 0, :2].tolist()
    offsets = [[0, 0], [0, 32], [32, 0], [32, 32], [16, 16]]
    assert top_left[:5] == offsets
    # Mirrored: the top left pixel was the top right one.
    assert top_left[5:] == [[y, x + 223] for y, x in offsets]
    np.testing.assert_array_equal(views[5:], views[:5, :, ::-1])


@pytest.mark.parametrize("mean", ["same_crop", "centre_crop", "channel"])
def test_evaluation_transform_subtracts_the_right_mean(mean):
    data = dataclasses.replace(DataConfig(), mean=mean, colour_shift="source")
    statistics = make_statistics()
    image = make_noise_image(0)
    ten = evaluation_views.make_view_transform(data, statistics, 10)(tf.constant(image))
    one = evaluation_views.make_view_transform(data, statistics, 1)(tf.constant(image))
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
from alexnet_tf.data import training_transform, evaluation_views
from alexnet_tf.devices import placement
from alexnet_tf.config.schema import DataConfig
from tfrecords.shards import statistics

placement.make_placement("CPU:0,CPU:1")
sums = statistics.Accumulator(256)
image = np.zeros((256, 256, 3), np.uint8)
sums.add(image)
for device in ("/device:CPU:1", "/device:CPU:0"):
    make_views = evaluation_views.compile_view_transform(
        DataConfig(), sums.compute(), 1, device)
    print(make_views(image[np.newaxis]).device.endswith(device))
"""


def test_evaluation_is_finished_on_its_device():
    done = forked_processes.run_python("-c", ON_DEVICES, timeout=240)
    assert done.stdout.split() == ["True", "True"], done.stderr


@pytest.mark.parametrize("mean", ["same_crop", "centre_crop", "channel"])
@pytest.mark.parametrize("num_views", [1, 10])
def test_evaluation_of_a_batch_is_finished_to_the_same_bits(mean, num_views):
    data = dataclasses.replace(DataConfig(), mean=mean)
    statistics = make_statistics()
    transform = evaluation_views.make_view_transform(data, statistics, num_views)
    finish = evaluation_views.compile_view_transform(data, statistics, num_views)
    for count in (3, 1):
        batch = np.stack([make_noise_image(seed) for seed in range(count)])
        found = finish(tf.constant(batch))
        assert found.shape == (count, num_views, 224, 224, 3)
        for row, image in enumerate(batch):
            np.testing.assert_array_equal(found[row], transform(tf.constant(image)))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
