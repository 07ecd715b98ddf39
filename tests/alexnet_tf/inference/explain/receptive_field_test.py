"""Receptive fields: sums by hand, and pixels of real networks that are changed."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.config.schema import ModelConfig
from alexnet_tf.inference.explain import kernels
from alexnet_tf.inference.explain.receptive_field import Field, Window, find_window
from alexnet_tf.network import build, layers, normalization
from alexnet_tf.stack import get_tf_variable

# The crop, the settings, and by layer: the size, the jump and the start by hand.
#
#   size' = size + (k - 1) jump;  start' = start - p jump;  jump' = s jump
NETWORKS = {
    "alexnet": (
        224,
        {},
        {
            "conv1": (11, 4, 0),  # 1 + 10; pool1: 11 + 2 * 4 = 19, jump 8
            "conv2": (51, 8, -16),  # 19 + 4 * 8, 0 - 2 * 8; pool2: 51 + 2 * 8 = 67, 16
            "conv3": (99, 16, -32),  # 67 + 2 * 16, -16 - 16
            "conv4": (131, 16, -48),
            "conv5": (163, 16, -64),
        },
    ),
    "one_gpu": (
        112,
        {"conv2_map_normalization": True, "pool_size": 2},
        {
            "conv1": (11, 4, 0),  # pool1: 11 + 4 = 15, jump 8
            "conv2": (47, 8, -16),  # then 47 + 4 * 8 = 79, pool2: 79 + 8 = 87, 16
            "conv3": (119, 16, -48),  # -16 - 2 * 8 - 16
            "conv4": (151, 16, -64),
            "conv5": (183, 16, -80),
        },
    ),
    "without_conv1": (
        224,
        {},
        {
            "conv2": (5, 4, 0),  # two poolings: 5 + 2 * 4 = 13, 13 + 2 * 8 = 29, 16
            "conv3": (61, 16, -16),
            "conv4": (93, 16, -32),
            "conv5": (125, 16, -48),
        },
    ),
    "cifar10_figure1": (
        32,
        {},
        {
            "conv1": (5, 1, -2),  # pool1: 5 + 2 = 7, jump 2
            "conv2": (15, 2, -6),  # pool2: 15 + 2 * 2 = 19, jump 4
            "conv3": (35, 4, -14),
        },
    ),
    "cifar10_11pct": (
        24,
        {"pool_rounding": "up"},
        {
            "conv1": (5, 1, -2),
            "conv2": (15, 2, -6),
            "local3": (27, 4, -10),  # 19 + 2 * 4, -6 - 4
            "local4": (35, 4, -14),
        },
    ),
}


def build_network(name):
    """A narrow network whose every unit grows with every pixel that it sees."""
    crop_size, settings, _ = NETWORKS[name]
    width = 0.03 if crop_size > 32 else 0.1
    config = ModelConfig(
        network=name, width=width, **{"normalization": "none", **settings}
    )
    model = build.build_model(3, config, crop_size=crop_size)
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.Convolution):
            for weight in (layer.kernel, layer.bias):
                variable = get_tf_variable(weight)
                variable.assign(generator.uniform(0.5, 1, variable.shape))
        if isinstance(layer, normalization.MapNormalization):
            # It divides by a sum that grows; pooling would hide what falls.
            layer.beta = -layer.beta
    return model, crop_size


@pytest.mark.parametrize("name", NETWORKS)
def test_sizes_are_those_by_hand(name):
    model, _ = build_network(name)
    towers = kernels.list_towers(model)
    expected = NETWORKS[name][2]
    suffixes = ["a", "b"] if name in ("alexnet", "without_conv1") else [""]
    assert [t.name for t in towers] == [n + s for n in expected for s in suffixes]
    for tower in towers:
        field = tower.field
        assert (field.size, field.jump, field.start) == expected[tower.layer]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_unit_changes_with_the_pixels_of_its_field_and_no_others(name):
    """The corners of the field, and their neighbours outside, one at a time."""
    model, crop_size = build_network(name)
    towers = kernels.list_towers(model)
    compute = kernels.make_maps_function(model, towers)
    base = np.ones((crop_size, crop_size, 3), np.float32)
    num_inside = num_outside = 0
    for number, tower in enumerate(towers):
        place = tower.output.shape[1] // 2
        first, _ = tower.field.find_corner(place, place)
        last = first + tower.field.size - 1
        pixels = {(first, first): True, (last, last): True, (first, last): True}
        for beyond in (first - 1, last + 1):
            middle = (first + last) // 2
            pixels |= {(beyond, middle): False, (middle, beyond): False}
        pixels = {
            (row, column): is_inside
            for (row, column), is_inside in pixels.items()
            if min(row, column) >= 0 and max(row, column) < crop_size
        }
        images = np.repeat(base[np.newaxis], 1 + len(pixels), axis=0)
        for image, (row, column) in zip(images[1:], pixels, strict=True):
            # Large, as it is one of thousands of pixels.
            image[row, column] = 1e6
        units = compute(tf.constant(images))[number].numpy()[:, place, place]
        changes = np.any(units[1:] != units[0], axis=1)
        assert changes.tolist() == [*pixels.values()], tower.name
        num_inside += sum(pixels.values())
        num_outside += len(pixels) - sum(pixels.values())
    assert num_inside >= 5 and num_outside >= 8


def test_a_layer_without_a_rule_is_refused():
    assert find_window(layers.MaxPooling(3, 2, "up")) == Window(3, 2, 0)
    with pytest.raises(TypeError, match="fc6"):
        find_window(layers.Dense(1, 0.1, 0.0, (0, 1), name="fc6"))


def test_patches_are_cut_where_the_unit_looks():
    image = np.arange(5 * 5 * 3, dtype=np.uint8).reshape(5, 5, 3)
    field = Field(size=3, jump=2, start=-1)
    np.testing.assert_array_equal(field.cut(image, 1, 2, 99)[:, :2], image[1:4, 3:])
    assert np.all(field.cut(image, 1, 2, 99)[:, 2] == 99)
    corner = field.cut(image, 0, 0, 99)
    np.testing.assert_array_equal(corner[1:, 1:], image[:2, :2])
    assert np.all(corner[0] == 99) and np.all(corner[:, 0] == 99)
    # A unit may lie in the padding altogether.
    assert np.all(Field(3, 2, -5).cut(image, 0, 1, 99) == 99)
    assert np.all(Field(3, 2, 8).cut(image, 0, 1, 99) == 99)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
