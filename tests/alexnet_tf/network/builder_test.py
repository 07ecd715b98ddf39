"""Tests of `alexnet_tf.network.builder`: which layers see the other tower."""

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.devices import placement
from alexnet_tf.network.networks import ALEXNET
from alexnet_tf.network.tables import Network
from alexnet_tf.stack import keras
from tests.alexnet_tf.small_networks import CROP, SMALL, build, call, list_tower

# The paper's layers in one tower.
UNDIVIDED = Network(1, ALEXNET.rows)


@pytest.mark.parametrize("before_relu", [False, True])
def test_normalization_across_towers_by_value(before_relu):
    """Tower b's first maps are neighbours of tower a's last."""
    model = build(
        dataclasses.replace(
            SMALL,
            normalization_scope="all",
            normalization_bias=1.0,
            conv1_normalized_before_relu=before_relu,
        )
    )
    images = 100 * np.random.default_rng(0).standard_normal((1, CROP, CROP, 3))
    names = ("conv1a", "conv1b", "lrn1a", "lrn1b", "relu2a", "relu2b", "lrn2a", "lrn2b")
    conv1a, conv1b, *rest = call(model, names, images.astype(np.float32))
    if not before_relu:
        conv1a, conv1b = np.maximum(conv1a, 0), np.maximum(conv1b, 0)
    layers_of = ((conv1a, conv1b, rest[0], rest[1]), rest[2:])
    for a, b, found_a, found_b in layers_of:
        both = np.concatenate([a, b], axis=3)
        expected = tf.nn.local_response_normalization(
            both, depth_radius=2, bias=1.0, alpha=1e-4, beta=0.75
        )
        found = np.concatenate([found_a, found_b], axis=3)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
        apart = tf.nn.local_response_normalization(
            a, depth_radius=2, bias=1.0, alpha=1e-4, beta=0.75
        )
        # Small values: the neighbours affect the third decimal.
        assert np.abs(found_a - apart).max() > 1e-4 * np.abs(apart).max()


def test_normalization_across_towers_exchanges_once_for_each_device():
    across = dataclasses.replace(SMALL, normalization_scope="all")
    names = list_tower(build(across), "a")
    start = names.index("conv1a")
    assert names[start : start + 5] == [
        *("conv1a", "relu1a", "exchange_lrn1a", "lrn1a", "pool1a"),
    ]
    assert "exchange_lrn1b" not in list_tower(build(across), "b")
    devices = placement.Placement(("/device:CPU:0", "/device:CPU:1"))
    model = build(across, placement=devices)
    for name in ("exchange_lrn1b", "lrn1b", "exchange_lrn2b", "lrn2b"):
        assert model.get_layer(name).device == "/device:CPU:1"
    one = build(across, network=UNDIVIDED)
    assert not [layer for layer in one.layers if layer.name.startswith("exchange")]


# Which tower's output each layer sees: its own, or both.
SEES_OWN = [("pool1", "conv2"), ("relu3", "conv4"), ("relu4", "conv5")]
SEES_BOTH = [("pool2", "conv3"), ("pool5", "fc6"), ("drop6", "fc7")]


def is_dependent(target, source):
    """Whether any gradient of `target` with respect to `source` is not zero."""
    gradient = tf.gradients(target, source)[0]
    # None means that there is no path.
    return tf.constant(False) if gradient is None else tf.reduce_any(gradient != 0)


@pytest.fixture(scope="module")
def dependent():
    """{(source, target): whether the target's output depends on the source's}."""
    model = build()
    names = [n + t for pair in SEES_OWN + SEES_BOTH for n in pair for t in "ab"]
    names += ["drop7a", "drop7b", "fc8"]
    probe = keras.Model(model.inputs, [model.get_layer(n).output for n in names])
    images = 100 * np.random.default_rng(0).standard_normal((2, CROP, CROP, 3))
    pairs = [
        (source + s, target + t)
        for source, target in SEES_OWN + SEES_BOTH
        for s in "ab"
        for t in "ab"
    ] + [("drop7a", "fc8"), ("drop7b", "fc8")]

    @tf.function
    def compute():
        outputs = probe([tf.constant(images, tf.float32)])
        tensors = dict(zip(names, outputs, strict=True))
        return [is_dependent(tensors[t], tensors[s]) for s, t in pairs]

    return dict(zip(pairs, (bool(x) for x in compute()), strict=True))


@pytest.mark.parametrize(("source", "target"), SEES_OWN)
def test_sees_its_own_tower_only(dependent, source, target):
    for s in "ab":
        for t in "ab":
            assert dependent[source + s, target + t] == (s == t)


@pytest.mark.parametrize(("source", "target"), SEES_BOTH)
def test_sees_both_towers(dependent, source, target):
    for s in "ab":
        for t in "ab":
            assert dependent[source + s, target + t]


def test_fc8_sees_both_towers(dependent):
    assert dependent["drop7a", "fc8"]
    assert dependent["drop7b", "fc8"]


def test_exchange_puts_tower_a_first():
    model = build()
    images = np.random.default_rng(0).standard_normal((1, CROP, CROP, 3))
    names = ("pool2a", "pool2b", "exchange3a")
    a, b, both = call(model, names, images.astype(np.float32))
    np.testing.assert_array_equal(both, np.concatenate([a, b], axis=3))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
