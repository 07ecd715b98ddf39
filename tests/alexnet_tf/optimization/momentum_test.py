"""The update rule against hand-worked numbers and NumPy float64."""

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.config.schema import ModelConfig, OptimizerConfig
from alexnet_tf.network import build as model_lib
from alexnet_tf.network.parameters import (
    BIAS,
    KERNEL,
    Parameter,
    list_layer_names,
    list_parameters,
)
from alexnet_tf.optimization.momentum import MomentumOptimizer
from tfrecords import errors

PAPER = OptimizerConfig()


def make_parameters():
    """Two layers; conv1 has two towers."""
    rng = np.random.default_rng(0)
    shapes = {
        "conv1a/kernel": (3, 2),
        "conv1a/bias": (2,),
        "conv1b/kernel": (3, 2),
        "conv1b/bias": (2,),
        "fc8/kernel": (4, 3),
        "fc8/bias": (3,),
    }
    return [
        Parameter(
            name,
            tf.Variable(rng.standard_normal(shape), dtype=tf.float32),
            model_lib.get_layer_name(name.split("/")[0]),
            KERNEL if name.endswith("kernel") else BIAS,
        )
        for name, shape in shapes.items()
    ]


def make_scalar_optimizer(weight, config=PAPER, kind=KERNEL):
    parameter = Parameter("fc8", tf.Variable([weight], dtype=tf.float32), "fc8", kind)
    return MomentumOptimizer([parameter], config)


def step(optimizer, rate, gradient):
    optimizer.rates.assign([[rate, rate]])
    optimizer.apply([tf.constant([gradient], tf.float32)])
    weight = optimizer.parameters[0].variable.numpy()[0]
    return optimizer.velocities[0].numpy()[0], weight


def test_three_steps_by_hand():
    config = dataclasses.replace(PAPER, momentum=0.5, weight_decay=0.1)
    optimizer = make_scalar_optimizer(10.0, config)
    # v = 0.5 * 0 - 0.1 * 0.1 * 10 - 0.1 * 2 = -0.3
    np.testing.assert_allclose(step(optimizer, 0.1, 2.0), (-0.3, 9.7), rtol=1e-6)
    # v = 0.5 * -0.3 - 0.1 * 0.1 * 9.7 - 0.1 * 1 = -0.347
    np.testing.assert_allclose(step(optimizer, 0.1, 1.0), (-0.347, 9.353), rtol=1e-6)
    # The rate is divided by ten: v = 0.5 * -0.347 - 0.01 * (0.9353 + 1) = -0.192853
    np.testing.assert_allclose(
        step(optimizer, 0.01, 1.0), (-0.192853, 9.160147), rtol=1e-6
    )


def test_velocity_keeps_the_rate_it_was_gathered_at():
    """Where PyTorch's rule, which keeps the rate outside, moves a tenth as far."""
    optimizer = make_scalar_optimizer(0.0, dataclasses.replace(PAPER, weight_decay=0.0))
    velocity, weight = step(optimizer, 0.01, 1.0)
    after = step(optimizer, 0.001, 0.0)
    np.testing.assert_allclose(after[0], 0.9 * velocity, rtol=1e-6)
    np.testing.assert_allclose(after[1], weight + 0.9 * velocity, rtol=1e-6)


def test_a_rate_of_0_freezes_and_drops_the_velocity():
    optimizer = make_scalar_optimizer(1.0)
    _, weight = step(optimizer, 0.01, 1.0)
    assert step(optimizer, 0.0, 1.0) == (0.0, weight)
    # Once unfrozen, it starts with zero velocity.
    velocity, _ = step(optimizer, 0.01, 1.0)
    np.testing.assert_allclose(velocity, -0.01 * (1 + 0.0005 * weight), rtol=1e-6)


@pytest.mark.parametrize("bias_weight_decay", [True, False])
def test_100_steps_are_the_rule_in_float64(bias_weight_decay):
    # A large decay: 0.0005 would be hidden by float32 rounding.
    config = dataclasses.replace(
        PAPER, weight_decay=0.05, bias_weight_decay=bias_weight_decay
    )
    parameters = make_parameters()
    optimizer = MomentumOptimizer(parameters, config)
    apply = tf.function(optimizer.apply)
    weights = [p.variable.numpy().astype(np.float64) for p in parameters]
    velocities = [np.zeros_like(w) for w in weights]
    rng = np.random.default_rng(1)
    for number in range(100):
        # By layer and kind; divided by ten midway, the biases' stays.
        kernel_rate = 0.01 if number < 50 else 0.001
        rates = {
            ("conv1", KERNEL): kernel_rate,
            ("conv1", BIAS): 0.02,
            ("fc8", KERNEL): 3 * kernel_rate,
            ("fc8", BIAS): 0.04,
        }
        optimizer.rates.assign(
            [[rates[layer, kind] for kind in (KERNEL, BIAS)] for layer in LAYERS]
        )
        gradients = [rng.standard_normal(w.shape).astype(np.float32) for w in weights]
        apply([tf.constant(g) for g in gradients])
        for index, parameter in enumerate(parameters):
            rate = rates[parameter.layer, parameter.kind]
            decays = parameter.kind == KERNEL or bias_weight_decay
            decay = 0.05 if decays else 0.0
            velocities[index] = (
                0.9 * velocities[index]
                - decay * rate * weights[index]
                - rate * gradients[index].astype(np.float64)
            )
            weights[index] = weights[index] + velocities[index]
    for parameter, velocity, weight, expected_velocity in zip(
        parameters, optimizer.velocities, weights, velocities, strict=True
    ):
        np.testing.assert_allclose(parameter.variable, weight, rtol=0, atol=2e-6)
        np.testing.assert_allclose(velocity, expected_velocity, rtol=0, atol=1e-6)


LAYERS = ("conv1", "fc8")


def test_a_layer_may_have_its_own_decay():
    """Without gradients, v = -decay * rate * w: one step multiplies w."""
    config = dataclasses.replace(
        PAPER, weight_decays={"fc8": 0.5}, bias_weight_decay=False
    )
    parameters = make_parameters()
    before = [p.variable.numpy() for p in parameters]
    optimizer = MomentumOptimizer(parameters, config)
    optimizer.rates.assign([[0.1, 0.1], [0.1, 0.1]])
    optimizer.apply([tf.zeros_like(p.variable) for p in parameters])
    factors = [1 - 0.00005, 1, 1 - 0.00005, 1, 0.95, 1]
    for parameter, old, factor in zip(parameters, before, factors, strict=True):
        np.testing.assert_allclose(parameter.variable, factor * old, rtol=1e-6)


def test_a_decay_of_an_unknown_layer_is_refused():
    config = dataclasses.replace(PAPER, weight_decays={"conv9": 0.1})
    with pytest.raises(errors.UserError, match=r"weight_decays.*conv9"):
        MomentumOptimizer(make_parameters(), config)


def test_layer_names_are_in_order_and_without_towers():
    assert list_layer_names(make_parameters()) == LAYERS


def test_parameters_of_the_network():
    model = model_lib.build_model(10, ModelConfig(width=0.0625), crop_size=67)
    parameters = list_parameters(model)
    names = [
        f"{n}{t}" for n in ("conv1", "conv2", "conv3", "conv4", "conv5") for t in "ab"
    ]
    names += ["fc6a", "fc6b", "fc7a", "fc7b", "fc8"]
    assert [p.name for p in parameters] == [
        f"{name}/{kind}" for name in names for kind in ("kernel", "bias")
    ]
    assert sum(int(tf.size(p.variable)) for p in parameters) == model.count_params()
    assert all(p.variable.dtype == tf.float32 for p in parameters)
    # The variables are the layers' own: what is trained is what runs.
    kernel = parameters[0]
    kernel.variable.assign(tf.ones_like(kernel.variable))
    np.testing.assert_array_equal(model.get_layer("conv1a").get_weights()[0], 1)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
