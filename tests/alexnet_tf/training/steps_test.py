"""Tests of `training.steps`: the results, independent of devices."""

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.config.schema import ModelConfig, OptimizerConfig
from alexnet_tf.evaluation import forward
from alexnet_tf.network import build as model_lib
from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.optimization import momentum as optimizer_lib
from alexnet_tf.optimization.loss_scale import LossScale
from alexnet_tf.training import steps

CROP = 67
SMALL = ModelConfig(width=0.0625)
A, B = "CPU:0", "CPU:1"


def build(config=SMALL, precision="float32", optimizer_config=None):
    model = model_lib.build_model(10, config, crop_size=CROP, precision=precision)
    optimizer = optimizer_lib.MomentumOptimizer(
        list_parameters(model), optimizer_config or OptimizerConfig()
    )
    optimizer.rates.assign(tf.fill(optimizer.rates.shape, 0.01))
    scale = LossScale(precision)
    return model, optimizer, scale, steps.make_train_step(model, optimizer, scale)


def make_batch(seed=0, size=4):
    rng = np.random.default_rng(seed)
    images = 60 * rng.standard_normal((size, CROP, CROP, 3))
    labels = rng.integers(0, 10, size)
    return tf.constant(images, tf.float32), tf.constant(labels, tf.int32)


def snapshot(optimizer):
    variables = [p.variable for p in optimizer.parameters] + optimizer.velocities
    return [v.numpy() for v in variables]


def test_a_step_is_loss_gradient_rule():
    model, optimizer, scale, train_step = build(
        dataclasses.replace(SMALL, dropout_rate=0.0)
    )
    images, labels = make_batch()
    variables = [p.variable for p in optimizer.parameters]
    before = [v.numpy().astype(np.float64) for v in variables]
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        log_probabilities = tf.nn.log_softmax(logits)
        loss = -tf.reduce_mean(tf.gather(log_probabilities, labels, batch_dims=1))
    gradients = [g.numpy() for g in tape.gradient(loss, variables)]

    result = train_step(images, labels)
    np.testing.assert_allclose(result.loss, loss, rtol=1e-6)
    assert bool(result.is_finite)
    norms = [np.linalg.norm(g.astype(np.float64)) for g in gradients]
    np.testing.assert_allclose(result.gradient_norms, norms, rtol=1e-4)
    for variable, weights, gradient in zip(variables, before, gradients, strict=True):
        velocity = -0.0005 * 0.01 * weights - 0.01 * gradient
        np.testing.assert_allclose(variable, weights + velocity, rtol=0, atol=1e-6)
    ranks = np.argsort(np.argsort(-logits.numpy(), axis=1), axis=1)
    label_ranks = ranks[np.arange(4), labels.numpy()]
    np.testing.assert_array_equal(
        result.errors, [(label_ranks >= 1).sum(), (label_ranks >= 5).sum()]
    )
    assert scale.scale.numpy() == 1


def test_a_step_learns():
    *_, train_step = build(dataclasses.replace(SMALL, initial_stddev=0.03))
    batch = make_batch()
    losses = [float(train_step(*batch).loss) for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.8 * losses[0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_pixel_that_is_no_number_changes_nothing(value):
    _, optimizer, scale, train_step = build()
    train_step(*make_batch())
    before = snapshot(optimizer)
    images, labels = make_batch(1)
    broken = images.numpy()
    broken[2, 30, 30, 1] = value
    result = train_step(tf.constant(broken), labels)
    assert not bool(result.is_finite)
    for old, new in zip(before, snapshot(optimizer), strict=True):
        np.testing.assert_array_equal(old, new)
    assert scale.scale.numpy() == 1
    # The next good batch is trained on.
    result = train_step(images, labels)
    assert bool(result.is_finite)
    assert not np.array_equal(before[0], snapshot(optimizer)[0])


def test_an_infinite_weight_is_found():
    _, optimizer, _, train_step = build()
    kernel = optimizer.parameters[-2].variable
    kernel.assign(tf.tensor_scatter_nd_update(kernel, [[0, 0]], [np.inf]))
    assert not bool(train_step(*make_batch()).is_finite)


def test_bfloat16_is_close_to_float32():
    # Without dropout, and with weights large enough to matter.
    config = dataclasses.replace(SMALL, dropout_rate=0.0, initial_stddev=0.03)
    results = {}
    for precision in ("float32", "mixed_bfloat16"):
        *_, scale, train_step = build(config, precision)
        results[precision] = train_step(*make_batch())
        assert scale.scale.numpy() == 1
    ours, reference = results["mixed_bfloat16"], results["float32"]
    assert ours.loss.dtype == tf.float32
    np.testing.assert_allclose(ours.loss, reference.loss, rtol=0.01)
    # In 8 bits, sums of cancelling terms agree roughly each, but closely in total.
    norms = ours.gradient_norms.numpy(), reference.gradient_norms.numpy()
    np.testing.assert_allclose(*norms, rtol=0.25)
    np.testing.assert_allclose(*map(np.linalg.norm, norms), rtol=0.02)


def test_float16_scales_the_loss_and_halves_on_overflow():
    config = ModelConfig(
        width=0.03, dropout_rate=0.0, initial_stddev=0.03, initial_scaling="none"
    )
    *_, reference_step = build(config)
    _, optimizer, scale, train_step = build(config, "mixed_float16")
    batch = make_batch(size=2)
    reference, result = reference_step(*batch), train_step(*batch)
    assert bool(result.is_finite)
    assert (scale.scale.numpy(), scale.good_steps.numpy()) == (2**15, 1)
    np.testing.assert_allclose(result.loss, reference.loss, rtol=0.01)
    # The gradients are those of the loss, not of the scaled loss.
    np.testing.assert_allclose(
        result.gradient_norms, reference.gradient_norms, rtol=0.05
    )
    # 2^24 times the gradient is beyond float16: skipped, halved, nothing changed.
    before = snapshot(optimizer)
    scale.scale.assign(2.0**24)
    assert not bool(train_step(*batch).is_finite)
    assert (scale.scale.numpy(), scale.good_steps.numpy()) == (2**23, 0)
    for old, new in zip(before, snapshot(optimizer), strict=True):
        np.testing.assert_array_equal(old, new)


def test_evaluation_averages_the_softmax_over_views():
    model, *_ = build(dataclasses.replace(SMALL, initial_stddev=0.05))
    eval_step = forward.make_eval_step(model)
    rng = np.random.default_rng(0)
    views = (60 * rng.standard_normal((3, 4, CROP, CROP, 3))).astype(np.float32)
    labels = np.array([0, 4, 9], np.int32)
    result = eval_step(views, labels)

    logits = np.stack([model(v, training=False).numpy() for v in views])
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=2, keepdims=True))
    probabilities = (shifted / shifted.sum(axis=2, keepdims=True)).mean(axis=1)
    np.testing.assert_allclose(result.probabilities, probabilities, rtol=1e-4)
    of_labels = probabilities[np.arange(3), labels]
    np.testing.assert_allclose(result.losses, -np.log(of_labels), rtol=1e-4)
    better = (probabilities > of_labels[:, None]).sum(axis=1)
    expected = np.stack([better >= 1, better >= 5], axis=1)
    np.testing.assert_array_equal(result.is_error, expected)


def test_evaluation_is_traced_once_for_any_batch():
    model, *_ = build()
    eval_step = forward.make_eval_step(model)
    for size, num_views in [(2, 1), (1, 1), (3, 10)]:
        views = np.zeros((size, num_views, CROP, CROP, 3), np.float32)
        assert eval_step(views, np.zeros(size, np.int32)).losses.shape == (size,)
    assert eval_step.experimental_get_tracing_count() == 1


def test_a_certain_error_has_a_finite_loss():
    model, *_ = build()
    kernel, bias = model.get_layer("fc8").get_weights()
    bias[3] = 1e4
    model.get_layer("fc8").set_weights([kernel, bias])
    views = np.zeros((1, 1, CROP, CROP, 3), np.float32)
    losses = forward.make_eval_step(model)(views, np.array([0], np.int32)).losses
    assert 80 < float(losses[0]) < 100


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
