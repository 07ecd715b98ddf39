"""Tests of `network.build`: parameter counts, initial weights, order of layers."""

import dataclasses
import math
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.config.schema import ModelConfig
from alexnet_tf.network import build as model_lib
from alexnet_tf.network import layers
from alexnet_tf.network.networks import ALEXNET
from alexnet_tf.network.tables import Network, scale_rows
from tests.alexnet_tf.small_networks import CROP, SMALL, build, call, list_tower
from tfrecords import errors

# The paper's layers in one tower.
UNDIVIDED = Network(1, ALEXNET.rows)

# Of both towers together (paper, section 3.5 and figure 2).
PARAMETERS = {
    "conv1": 34_944,
    "conv2": 307_456,
    "conv3": 885_120,
    "conv4": 663_936,
    "conv5": 442_624,
    "fc6": 37_752_832,
    "fc7": 16_781_312,
    "fc8": 4_097_000,
}
NEURONS = {
    "conv1": 290_400,
    "conv2": 186_624,
    "conv3": 64_896,
    "conv4": 64_896,
    "conv5": 43_264,
    "fc6": 4_096,
    "fc7": 4_096,
    "fc8": 1_000,
}
# In each tower.
KERNEL_SHAPES = {
    "conv1": (11, 11, 3, 48),
    "conv2": (5, 5, 48, 128),
    "conv3": (3, 3, 256, 192),
    "conv4": (3, 3, 192, 192),
    "conv5": (3, 3, 192, 128),
    "fc6": (9216, 2048),
    "fc7": (4096, 2048),
    "fc8": (4096, 1000),
}


@pytest.fixture(scope="module")
def full():
    """The paper's network, two towers, 1,000 classes."""
    return model_lib.build_model(1000, ModelConfig())


def get_layers(model, name):
    """The layer's towers: [conv1a, conv1b], [fc8]."""
    return [
        layer for layer in model.layers if model_lib.get_layer_name(layer.name) == name
    ]


def get_weights(layer):
    return [np.asarray(w) for w in layer.get_weights()]


def test_parameters_are_60_965_224(full):
    counts = {
        name: sum(layer.count_params() for layer in get_layers(full, name))
        for name in PARAMETERS
    }
    assert counts == PARAMETERS
    assert full.count_params() == sum(PARAMETERS.values()) == 60_965_224


def test_names_and_kernel_shapes(full):
    for name, shape in KERNEL_SHAPES.items():
        towers = get_layers(full, name)
        expected = [name] if name == "fc8" else [f"{name}a", f"{name}b"]
        assert [layer.name for layer in towers] == expected
        for layer in towers:
            kernel, bias = get_weights(layer)
            assert kernel.shape == shape
            assert bias.shape == shape[-1:]


def test_neurons_are_659_272(full):
    counts = {
        name: sum(math.prod(layer.output.shape[1:]) for layer in get_layers(full, name))
        for name in NEURONS
    }
    assert counts == NEURONS
    assert sum(counts.values()) == 659_272


def test_map_sizes_of_the_paper(full):
    sides = {
        name: get_layers(full, name)[0].output.shape[1]
        for name in ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5")
    }
    assert list(sides.values()) == [55, 27, 27, 13, 13, 13, 13]
    assert get_layers(full, "pool5")[0].output.shape[1:] == (6, 6, 128)
    assert full.output.shape == (None, 1000)
    assert full.input.shape == (None, 224, 224, 3)


def test_initial_biases(full):
    for name in PARAMETERS:
        expected = float(name in ("conv2", "conv4", "conv5", "fc6", "fc7"))
        for layer in get_layers(full, name):
            np.testing.assert_array_equal(get_weights(layer)[1], expected)


def check_stddev(model, expected):
    for name, stddev in expected.items():
        for layer in get_layers(model, name):
            kernel = get_weights(layer)[0].astype(np.float64)
            # Five standard errors of a mean and of a standard deviation.
            assert abs(kernel.mean()) < 5 * stddev / np.sqrt(kernel.size)
            error = 5 * stddev / np.sqrt(2 * kernel.size)
            assert abs(kernel.std() - stddev) < error


def test_initial_weights_of_the_paper(full):
    check_stddev(full, dict.fromkeys(PARAMETERS, 0.01))


def test_initial_weights_of_the_source():
    config = dataclasses.replace(
        SMALL, initial_stddev_conv345=0.03, initial_scaling="none"
    )
    model = build(config)
    wide = ("conv3", "conv4", "conv5")
    check_stddev(model, {n: 0.03 if n in wide else 0.01 for n in PARAMETERS})


def test_towers_start_from_different_weights(full):
    kernels = [get_weights(layer)[0] for layer in get_layers(full, "conv1")]
    assert not np.array_equal(*kernels)
    assert abs(np.corrcoef(kernels[0].ravel(), kernels[1].ravel())[0, 1]) < 0.05


def test_order_of_the_paper():
    assert list_tower(build(), "a") == [
        "imagesa",
        *("conv1a", "relu1a", "lrn1a", "pool1a"),
        *("conv2a", "relu2a", "lrn2a", "pool2a"),
        *("exchange3a", "conv3a", "relu3a", "conv4a", "relu4a"),
        *("conv5a", "relu5a", "pool5a"),
        *("exchange6a", "fc6a", "relu6a", "drop6a"),
        *("exchange7a", "fc7a", "relu7a", "drop7a", "exchange8a"),
    ]


def test_relu_then_normalization_then_pooling_by_value():
    model = build()
    images = 100 * np.random.default_rng(0).standard_normal((1, CROP, CROP, 3))
    names = ("conv1a", "lrn1a", "pool1a", "conv5b", "pool5b")
    conv1, lrn1, pool1, conv5, pool5 = call(model, names, images.astype(np.float32))
    expected = tf.nn.local_response_normalization(
        tf.nn.relu(conv1), depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75
    )
    np.testing.assert_allclose(lrn1, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(pool1, pool(lrn1), rtol=1e-6)
    np.testing.assert_allclose(pool5, pool(tf.nn.relu(conv5)), rtol=1e-6)


def test_source_normalizes_conv1_before_its_relu():
    model = build(dataclasses.replace(SMALL, conv1_normalized_before_relu=True))
    images = 100 * np.random.default_rng(0).standard_normal((1, CROP, CROP, 3))
    names = ("conv1a", "pool1a", "conv2a", "lrn2a")
    conv1, pool1, conv2, lrn2 = call(model, names, images.astype(np.float32))
    constants = {"depth_radius": 2, "bias": 2.0, "alpha": 1e-4, "beta": 0.75}
    normalized = tf.nn.local_response_normalization(conv1, **constants)
    np.testing.assert_allclose(pool1, pool(tf.nn.relu(normalized)), rtol=1e-5)
    # conv2 stays as in the paper.
    expected = tf.nn.local_response_normalization(tf.nn.relu(conv2), **constants)
    np.testing.assert_allclose(lrn2, expected, rtol=1e-5, atol=1e-7)


def pool(x):
    return tf.nn.max_pool2d(x, 3, 2, "VALID")


def test_the_smallest_crops_and_those_below():
    # From the end: pool5 needs 3 of conv5 and pool2, 7 of conv2 and pool1, 15 of
    # conv1, that is 14 * 4 + 11 - 3 = 64 pixels.
    config = ModelConfig(width=0.02)
    assert model_lib.build_model(3, config, crop_size=64).output_shape == (None, 3)
    for crop_size, layer in ((63, "pool5"), (31, "pool2"), (7, "conv1")):
        words = f"too small.*: {layer} would have no output.*crop_size"
        with pytest.raises(errors.UserError, match=words):
            model_lib.build_model(3, config, crop_size=crop_size)


def test_one_tower():
    model = build(network=UNDIVIDED)
    names = [layer.name for layer in model.layers]
    assert not [name for name in names if name.startswith("exchange")]
    assert {"conv1", "lrn1", "pool1", "fc7", "drop7", "fc8"} <= set(names)
    # conv2 sees all of conv1's kernels: twice the weights of two towers.
    assert get_weights(model.get_layer("conv2"))[0].shape == (5, 5, 6, 16)
    assert model(np.zeros((1, CROP, CROP, 3), np.float32)).shape == (1, 10)


def test_tanh():
    model = build(dataclasses.replace(SMALL, activation="tanh"))
    images = np.random.default_rng(0).standard_normal((1, CROP, CROP, 3))
    before, after = call(model, ("fc6a", "relu6a"), images.astype(np.float32))
    np.testing.assert_allclose(after, np.tanh(before), rtol=1e-5)


@pytest.mark.parametrize("num_classes", [1, 7, 1000])
def test_class_count(num_classes):
    model = build(num_classes=num_classes)
    assert model.output.shape == (None, num_classes)


@pytest.mark.parametrize(
    ("width", "num_towers", "kernels", "units"),
    [(0.0625, 2, 6, 256), (0.5, 2, 48, 2048), (0.001, 2, 2, 4), (0.001, 1, 1, 4)],
)
def test_width_scales_every_row(width, num_towers, kernels, units):
    rows = scale_rows(ALEXNET.rows, width, num_towers)
    assert rows[0].kernels == kernels
    assert rows[-1].units == units
    numbers = [getattr(row, "kernels", None) or row.units for row in rows]
    assert all(number % num_towers == 0 for number in numbers)


def test_width_1_is_the_table():
    rows = scale_rows(ALEXNET.rows, 1.0, 2)
    assert rows == ALEXNET.rows


def get_all_weights(model):
    return [w for layer in model.layers for w in get_weights(layer)]


def test_seed_decides_the_weights():
    first, again, other = (get_all_weights(build(seed=s)) for s in (5, 5, 6))
    assert len(first) == 30
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        if one.ndim > 1:
            assert not np.array_equal(one, three)


def test_dropout_is_seeded_by_the_run_and_by_layer():
    seeds = [
        layer.seed
        for seed in (5, 6)
        for layer in build(seed=seed).layers
        if isinstance(layer, layers.Dropout)
    ]
    assert len(set(seeds)) == 8


def test_rate_0_leaves_no_dropout():
    model = build(dataclasses.replace(SMALL, dropout_rate=0.0))
    assert not [x for x in model.layers if isinstance(x, layers.Dropout)]
    images = np.random.default_rng(0).standard_normal((2, CROP, CROP, 3))
    images = tf.constant(images, tf.float32)
    np.testing.assert_array_equal(
        model(images, training=True), model(images, training=False)
    )


def test_second_normalization_of_conv2_is_asked_for():
    assert not get_layers(build(), "cnorm2")
    model = build(dataclasses.replace(SMALL, conv2_map_normalization=True))
    names = list_tower(model, "b")
    start = names.index("lrn2b")
    assert names[start : start + 3] == ["lrn2b", "cnorm2b", "pool2b"]


def test_without_normalization():
    model = build(dataclasses.replace(SMALL, normalization="none"))
    assert not get_layers(model, "lrn1") + get_layers(model, "lrn2")


@pytest.mark.parametrize("method", ["banded", "fused"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"activation": "tanh"},
        {"conv1_normalized_before_relu": True},
        {"normalization_scope": "all"},
    ],
    ids=str,
)
def test_fast_normalizations_are_the_reference_network(method, settings):
    """Forward and every gradient: the fused method also computes the ReLU's."""
    # Large enough for the normalization to matter, except for tanh, which saturates.
    scale, gain = (1, 1) if "activation" in settings else (100, 8)
    images = scale * np.random.default_rng(0).standard_normal((2, CROP, CROP, 3))
    images = tf.constant(images, tf.float32)

    def compute(method):
        model = build(dataclasses.replace(SMALL, normalization=method, **settings))
        for layer in model.layers:
            if layer.weights:
                kernel, bias = get_weights(layer)
                layer.set_weights([gain * kernel, bias])
        with tf.GradientTape() as tape:
            logits = model(images, training=False)
            loss = tf.reduce_sum(logits * tf.range(10, dtype=tf.float32))
        return [logits, *tape.gradient(loss, model.trainable_variables)]

    for found, expected in zip(compute(method), compute("reference"), strict=True):
        difference = np.linalg.norm(found - expected)
        assert np.linalg.norm(expected) > 0
        assert difference < 1e-4 * np.linalg.norm(expected)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_precision_is_the_layers_and_weights_stay_float32(precision):
    model = build(dataclasses.replace(SMALL, width=0.03), precision=precision)
    logits = model(np.zeros((1, CROP, CROP, 3), np.float32))
    assert logits.dtype.name == precision.removeprefix("mixed_")
    assert {w.dtype for w in get_all_weights(model)} == {np.dtype("float32")}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
