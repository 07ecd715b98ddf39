"""Dead units of hand-made networks, the kernel image, the loss at chance level."""

import math
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config, ModelConfig, OptimizerConfig
from alexnet_tf.network import build as model_lib
from alexnet_tf.network.layers import Gaussian
from alexnet_tf.network.networks import ALEXNET
from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.network.tables import Network
from alexnet_tf.optimization import momentum as optimizer_lib
from alexnet_tf.training import diagnostics

# The paper's layers in one tower.
UNDIVIDED = Network(1, ALEXNET.rows)

CROP = 67


def build(**kwargs):
    config = ModelConfig(width=0.0625)
    return model_lib.build_model(10, config, crop_size=CROP, **kwargs)


def set_biases(model, name, biases):
    layer = model.get_layer(name)
    kernel, old = layer.get_weights()
    layer.set_weights([kernel, np.where(np.isnan(biases), old, biases)])


def count(model):
    images = Gaussian(60.0, (0, 0))((2, CROP, CROP, 3))
    shares = diagnostics.make_dead_unit_counter(model)(images)
    return {name: float(share) for name, share in shares.items()}


def test_dead_units_are_counted_by_layer():
    model = build()
    for name in ("conv1b", "fc6a"):
        units = model.get_layer(name).get_weights()[1].size
        biases = np.full(units, np.nan)
        biases[: units // 4 or 1] = -1e9
        set_biases(model, name, biases)
    shares = count(model)
    names = [
        f"{n}{t}" for n in ("conv1", "conv2", "conv3", "conv4", "conv5") for t in "ab"
    ]
    assert list(shares) == [*names, "fc6a", "fc6b", "fc7a", "fc7b"]
    assert shares["conv1b"] == pytest.approx(1 / 3)  # one of three
    assert shares["fc6a"] == pytest.approx(32 / 128)
    assert shares["fc6b"] == shares["conv1a"] == 0


def test_a_unit_alive_anywhere_is_not_dead():
    """conv1 with one tap: its output is a pixel, positive in one place only."""
    model = build()
    layer = model.get_layer("conv1a")
    kernel = np.zeros(layer.get_weights()[0].shape, np.float32)
    kernel[5, 5, 0, 0] = 1.0
    kernel[5, 5, 1, 1] = 1.0
    layer.set_weights([kernel, np.zeros(3, np.float32)])
    images = np.zeros((2, CROP, CROP, 3), np.float32)
    images[1, 4 * 7 + 5, 4 * 3 + 5, 0] = 1.0
    shares = diagnostics.make_dead_unit_counter(model)(tf.constant(images))
    # Kernel 0 is active once, 1 and 2 never.
    assert float(shares["conv1a"]) == pytest.approx(2 / 3)


def test_dead_units_of_one_tower():
    model = build(network=UNDIVIDED)
    set_biases(model, "fc7", np.full(256, -1e9))
    shares = count(model)
    assert shares["fc7"] == 1
    assert shares["conv1"] == 0


def test_weight_norms():
    parameters = list_parameters(build())
    parameters[0].variable.assign(tf.fill(parameters[0].variable.shape, 2.0))
    optimizer = optimizer_lib.MomentumOptimizer(parameters, OptimizerConfig())
    norms = diagnostics.compute_weight_norms(optimizer)
    assert list(norms) == [parameter.name for parameter in parameters]
    size = 11 * 11 * 3 * 3
    assert norms["conv1a/kernel"] == pytest.approx(2 * math.sqrt(size))
    assert norms["conv2a/bias"] == pytest.approx(math.sqrt(8))


def test_kernel_image_of_the_paper():
    """Figure 3: 96 kernels, 16 in a row, tower a's three rows above tower b's."""
    model = model_lib.build_model(2, ModelConfig(width=1.0, dropout_rate=0.0))
    image = diagnostics.make_kernel_image(model)
    assert image.dtype == np.uint8
    tile = 4 * 11 + 4
    assert image.shape == (6 * tile, 16 * tile, 3)
    for tower, name in enumerate(("conv1a", "conv1b")):
        kernels = model.get_layer(name).get_weights()[0]
        for index in (0, 17, 47):
            row, column = 3 * tower + index // 16, index % 16
            shown = image[row * tile :, column * tile :][:44, :44]
            # Each weight 4 x 4 equal pixels, over its own kernel's range.
            np.testing.assert_array_equal(
                shown, shown[::4, ::4].repeat(4, 0).repeat(4, 1)
            )
            kernel = kernels[..., index]
            scaled = (kernel - kernel.min()) / (kernel.max() - kernel.min())
            np.testing.assert_allclose(shown[::4, ::4], 255 * scaled, atol=0.51)
            assert (shown.min(), shown.max()) == (0, 255)
    # White between the kernels.
    assert image[44:48].min() == image[:, 44:48].min() == 255


def test_kernel_image_pads_a_row_and_bears_equal_weights():
    model = build(network=UNDIVIDED)
    layer = model.get_layer("conv1")
    layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    image = diagnostics.make_kernel_image(model)
    assert image.shape == (48, 16 * 48, 3)
    # Six kernels, then white.
    assert image[:44, : 5 * 48 + 44][:, 200:236].max() == 0
    assert image[:, 6 * 48 :].min() == 255


RATE = "--config.optimizer.learning_rate"
STDDEV = "--config.model.initial_stddev_conv345=0.03"
DROPOUT = "--config.model.dropout_scaling=test"
FACTORS = "--config.optimizer.rate_factors"
FROZEN = "--config.schedule.frozen_until"


def explain(loss, num_classes, **values):
    given = {name.replace("__", "."): value for name, value in values.items()}
    config = overrides.override(Config(), given)
    return diagnostics.explain_chance(loss, num_classes, config)


@pytest.mark.parametrize("num_classes", [10, 1000])
def test_a_loss_at_chance_is_explained(num_classes):
    chance = math.log(num_classes)
    for loss in (chance, 0.981 * chance, 1.019 * chance):
        sentence = explain(loss, num_classes)
        assert f"close to ln({num_classes}) = {chance:.3f}" in sentence
        assert "dead_units" in sentence
    for loss in (0.979 * chance, 1.021 * chance, 0.0, math.nan, math.inf):
        assert explain(loss, num_classes) is None


@pytest.mark.parametrize(
    "values, proposed",
    [
        ({}, {RATE, STDDEV}),
        ({"model__initial_stddev_conv345": 0.03}, {RATE}),
        ({"model__dropout_scaling": "training"}, {RATE, STDDEV, DROPOUT}),
        (
            {
                "optimizer__name": "multi_optimizer",
                "optimizer__per_layer": "fc8=adamw",
            },
            {RATE, STDDEV, FACTORS},
        ),
        # Copied weights: no advice on initialization or dropout's scaling.
        ({"init_from": "run", "model__dropout_scaling": "training"}, {RATE}),
        (
            {"model__dropout_scaling": "training", "model__dropout_rate": 0},
            {RATE, STDDEV},
        ),
        # A layer's own deviation takes precedence.
        ({"model__initial_stddevs": "conv3=1 conv4=1 conv5=1"}, {RATE}),
        ({"model__initial_stddevs": "conv1=1 conv4=1 conv5=1"}, {RATE, STDDEV}),
        ({"model__network": "cifar10_13pct"}, {RATE}),  # has no conv3
        ({"init_from": "run", "init_layers": "conv1 conv2"}, {RATE, STDDEV}),
        (
            {
                **{"init_from": "run", "init_layers": "conv3 conv4"},
                "model__initial_stddevs": "conv5=1",
            },
            {RATE},
        ),
        (
            {"init_from": "run", "init_layers": "conv1 conv3 conv4 conv5"},
            {RATE},
        ),
        (
            {"init_from": "run", "optimizer__rate_factors": "conv1=0.0 fc8=10"},
            {RATE, FACTORS},
        ),
        ({"init_from": "run", "optimizer__rate_factors": "fc8=10"}, {RATE}),
        ({"init_from": "run", "schedule__frozen_until": "conv1=5"}, {RATE, FROZEN}),
    ],
)
def test_only_settings_that_can_matter_are_proposed(values, proposed):
    sentence = explain(math.log(10), 10, **values)
    found = {
        flag for flag in (RATE, STDDEV, DROPOUT, FACTORS, FROZEN) if flag in sentence
    }
    assert found == proposed
    assert sentence.count("--config.") == len(proposed)
    assert ("trained with" in sentence) == ("init_from" in values)


def test_only_a_network_that_has_not_learned_is_reported_and_only_once():
    chance = math.log(3)
    detector = diagnostics.ChanceDetector(3, Config())
    # Guessing among three classes has 66.7 % error; half of it is not reached by luck.
    assert detector.explain(chance, 0.375) is None
    assert detector.explain(chance, 0.65)
    assert detector.explain(chance, 0.65) is None
    assert detector.explain(0.5, 0.2) is None
    assert detector.explain(chance, 0.52)


def test_one_class_has_no_chance():
    assert explain(0.0, 1) is None
    assert diagnostics.ChanceDetector(1, Config()).explain(0.0, 0.0) is None


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
