"""Tests of `export.standard_layers`: standard layers, the network's numbers."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.devices import placement
from alexnet_tf.export import standard_layers
from alexnet_tf.network.build import build_network
from alexnet_tf.stack import keras
from tests import training_runs

SIZE = training_runs.TINY["data.crop_size"]


def make_network(values=None):
    """An untrained network with the activations and mean image of a trained one."""
    config = training_runs.make_config(values)
    model = build_network(config, 4, placement.Placement())
    generator = np.random.default_rng(7)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            scale = 1.2 / np.sqrt(np.prod(kernel.shape[:-1]))
            kernel = generator.normal(0, scale, kernel.shape)
            layer.set_weights([kernel, generator.normal(0, 1, bias.shape)])
    mean_image = generator.uniform(90, 150, (256, 256, 3))
    statistics = SimpleNamespace(
        mean_image=mean_image, mean_rgb=mean_image.mean(axis=(0, 1))
    )
    return SimpleNamespace(
        config=config,
        model=model,
        training_data=SimpleNamespace(statistics=statistics),
    )


def draw_images(count=3):
    generator = np.random.default_rng(1)
    return generator.integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.float32)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"model.normalization": "banded", "data.mean": "channel"},
        {"model.normalization": "none", "model.dropout_scaling": "training"},
        {
            "model.normalization_beta": 0.6,
            "model.normalization_radius": 1,
            "model.normalization_bias": 1.0,
            "model.normalization_alpha": 0.01,
            "model.activation": "tanh",
        },
        {
            "model.conv2_map_normalization": True,
            "model.conv1_normalized_before_relu": True,
            "model.dropout_rate": 0.3,
        },
    ],
)
def test_the_numbers_are_the_networks(values):
    network = make_network(values)
    model = standard_layers.build_inference_model(network)
    images = draw_images()
    begin = (256 - SIZE) // 2
    mean = network.training_data.statistics.mean_image
    mean = mean[begin : begin + SIZE, begin : begin + SIZE]
    if values.get("data.mean") == "channel":
        mean = network.training_data.statistics.mean_rgb
    logits = np.asarray(network.model(images - mean.astype(np.float32)), np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    assert np.ptp(expected, axis=0).max() > 1e-4  # The images matter.
    np.testing.assert_allclose(np.asarray(model(images)), expected, atol=1e-5)


def test_a_network_of_mixed_precision_becomes_float32():
    network = make_network({"precision": "mixed_bfloat16"})
    model = standard_layers.build_inference_model(network)
    wide = make_network()
    expected = standard_layers.build_inference_model(wide)(draw_images())
    found = model(draw_images())
    assert found.dtype == expected.dtype == tf.float32
    np.testing.assert_array_equal(found, expected)


def test_parameters_are_the_networks_and_few_fixed_ones_more():
    network = make_network()
    model = standard_layers.build_inference_model(network)
    theirs = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert theirs == network.model.count_params()


def test_it_loads_in_safe_mode_without_our_code(tmp_path):
    path = str(tmp_path / "alexnet.keras")
    model = standard_layers.build_inference_model(make_network())
    model.save(path)
    images = draw_images()
    np.save(tmp_path / "images.npy", images)
    code = f"""
import sys, keras, numpy as np
model = keras.models.load_model({path!r}, safe_mode=True)
np.save("found.npy", model(np.load("images.npy")))
assert not any(name.startswith("alexnet_tf") for name in sys.modules)
assert all(type(layer).__module__.startswith("keras") for layer in model.layers)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), model(images))


@pytest.mark.parametrize("exponent", [0.5, -0.5, -0.75])
def test_powers_are_powers(exponent):
    x = keras.Input((3,), dtype="float32")
    model = keras.Model(x, stack.compute_power(x, exponent))
    values = np.array([[0.25, 2.0, 81.0]], np.float32)
    np.testing.assert_allclose(model(values), values**exponent, rtol=1e-6)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
