"""The full network against an independent one in PyTorch: logits, every gradient."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.config.schema import ModelConfig
from alexnet_tf.network import build as model_lib
from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.training import steps
from tests import optional

torch = optional.require(__name__, "torch", "PyTorch is not installed")

# After the check that PyTorch is installed.
from tests.alexnet_tf import torch_alexnet  # noqa: E402

NUM_CLASSES = 1000
LABELS = [3, 998]
TOLERANCE = 1e-4


def make_images():
    return (60 * np.random.default_rng(0).standard_normal((2, 224, 224, 3))).astype(
        np.float32
    )


def get_towers(model):
    """{"conv1": [(kernel, bias) of a, of b], ...}."""
    towers = {}
    for layer in model.layers:
        if layer.weights:
            name = model_lib.get_layer_name(layer.name)
            towers.setdefault(name, []).append(layer.get_weights())
    return towers


def measure(found, expected):
    """The norm of the difference over the norm."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def compare(config, training, hidden_factor):
    """{"logits" or a parameter's name: how far the two networks are apart}."""
    model = model_lib.build_model(NUM_CLASSES, config)
    # Weights large enough for every layer to matter: with the paper's 0.01 the initial
    # logits are near zero, and only fc8's bias would show.
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            gain = np.sqrt(2 / np.prod(kernel.shape[:-1])) / 0.01
            rng = np.random.default_rng(kernel.size)
            bias = bias + 0.1 * rng.standard_normal(bias.shape).astype(np.float32)
            layer.set_weights([gain * kernel, bias])
    parameters = list_parameters(model)
    images = make_images()

    @tf.function
    def run(images, labels):
        logits = model(images, training=training)
        loss = tf.reduce_mean(steps.compute_losses(logits, labels))
        return logits, tf.gradients(loss, [p.variable for p in parameters])

    logits, gradients = run(tf.constant(images), tf.constant(LABELS, tf.int32))

    theirs = torch_alexnet.convert_weights(get_towers(model))
    their_logits = torch_alexnet.compute_logits(
        theirs, torch.tensor(images.transpose(0, 3, 1, 2).copy()), hidden_factor
    )
    torch.nn.functional.cross_entropy(their_logits, torch.tensor(LABELS)).backward()
    expected = torch_alexnet.split_gradients(theirs)

    ratios = {"logits": measure(logits, their_logits.detach().numpy())}
    assert {p.name for p in parameters} == set(expected)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        assert np.linalg.norm(expected[parameter.name]) > 0
        ratios[parameter.name] = measure(gradient, expected[parameter.name])
    return ratios


@pytest.mark.parametrize("normalization", ["reference", "banded", "fused"])
def test_training_without_dropout(normalization, record_property):
    config = ModelConfig(dropout_rate=0.0, normalization=normalization)
    check(compare(config, training=True, hidden_factor=1.0), record_property)


def test_at_test_hidden_units_are_halved(record_property):
    check(compare(ModelConfig(), training=False, hidden_factor=0.5), record_property)


def check(ratios, record_property):
    largest = max(ratios, key=ratios.get)
    print(f"logits {ratios['logits']:.2e}; largest {largest} {ratios[largest]:.2e}")
    record_property("largest_ratio", float(ratios[largest]))
    assert {name: r for name, r in ratios.items() if not r < TOLERANCE} == {}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
