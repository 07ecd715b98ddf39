"""Kernels and their maps: names, places, and the layers' own outputs."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.inference.explain import kernels
from alexnet_tf.inference.explain.kernels import Kernel
from tests.alexnet_tf import small_networks
from tfrecords import errors


@pytest.fixture(scope="module")
def model():
    return small_networks.build()


@pytest.fixture(scope="module")
def towers(model):
    return kernels.list_towers(model)


def test_towers_are_the_convolutions_with_their_tower(towers):
    assert [t.name for t in towers] == [
        f"conv{n}{t}" for n in range(1, 6) for t in "ab"
    ]
    # Six of 96 kernels.
    assert [t.num_kernels for t in towers][:4] == [3, 3, 8, 8]
    assert not any(t.is_local for t in towers)


def test_kernels_by_position_are_told():
    config = dataclasses.replace(small_networks.SMALL, network="cifar10_13pct")
    found = kernels.list_towers(small_networks.build(config))
    assert {t.name: t.is_local for t in found} == {
        "conv1": False,
        "conv2": False,
        "local3": True,
        "local4": True,
    }


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_maps_are_those_after_the_activation(activation):
    config = dataclasses.replace(small_networks.SMALL, activation=activation)
    model = small_networks.build(config)
    towers = kernels.list_towers(model)
    images = np.random.default_rng(0).uniform(-99, 99, (2, 67, 67, 3))
    images = tf.constant(images, tf.float32)
    used = [towers[9], towers[2]]
    found = kernels.make_maps_function(model, used)(images)
    expected = small_networks.call(model, ["relu5b", "relu2a"], images)
    for maps, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(maps.numpy(), other)


def test_the_strongest_come_first_ties_by_number():
    maps = np.zeros((2, 3, 4), np.float32)
    maps[1, 2, 3], maps[0, 1, 1], maps[1, 0, 0], maps[0, 0, 0] = 5, 7, 5, 4
    assert kernels.rank(maps).tolist() == [1, 0, 3, 2]
    assert kernels.find_peak(maps[..., 3]) == (1, 2)
    assert kernels.find_peak(maps[..., 0]) == (1, 0)


def test_names_are_read_once_each(towers):
    names = ["conv1b:2", " conv5a:07", "conv1b:2"]
    assert kernels.parse(names, towers) == [Kernel("conv1b", 2), Kernel("conv5a", 7)]
    assert str(Kernel("conv1b", 2)) == "conv1b:2"
    assert kernels.parse([], towers) == []


@pytest.mark.parametrize(
    "name, facts",
    [
        ("conv1b", ["conv1b", "conv1a:0"]),
        ("conv1b:-1", ["conv1b:-1", "conv1a:0"]),
        ("conv9a:0", ["conv9a", "conv1a, conv1b", "conv5b"]),
        ("conv1:0", ["conv1", "conv1a"]),
        ("fc6a:0", ["fc6a", "conv5b"]),
        ("conv1b:3", ["conv1b", "3", "0 to 2"]),
    ],
)
def test_what_is_no_kernel_is_refused(towers, name, facts):
    with pytest.raises(errors.UserError) as caught:
        kernels.parse(["conv1a:0", name], towers)
    for fact in facts:
        assert fact in str(caught.value)


def test_weights_are_the_first_layers(model, towers):
    found = kernels.read_weights(model, towers, Kernel("conv1b", 2))
    weights = np.asarray(model.get_layer("conv1b").get_weights()[0])
    np.testing.assert_array_equal(found, weights[..., 2])
    assert found.shape == (11, 11, 3)
    assert kernels.read_weights(model, towers, Kernel("conv2a", 0)) is None


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
