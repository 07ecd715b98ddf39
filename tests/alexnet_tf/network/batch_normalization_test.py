"""Tests of `alexnet_tf.network.batch_normalization`, against NumPy."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.network import batch_normalization
from alexnet_tf.network.batch_normalization import EPSILON

X = np.random.default_rng(0).normal(3, 2, (5, 4, 4, 3)).astype(np.float32)
MEAN, VARIANCE = X.mean((0, 1, 2)), X.var((0, 1, 2))


@pytest.fixture
def layer():
    layer = batch_normalization.BatchNormalization()
    layer(X)
    kernel, bias = np.array([1, 2, 3.0]), np.array([0, 1, -1.0])
    layer.set_weights([kernel, bias, np.zeros(3), np.ones(3)])
    return layer


def normalize(mean, variance):
    return (X - mean) / np.sqrt(variance + EPSILON) * [1, 2, 3] + [0, 1, -1]


def test_training_uses_the_batch_and_averages_it(layer):
    y = np.asarray(layer(X, training=True))
    np.testing.assert_allclose(y, normalize(MEAN, VARIANCE), rtol=1e-4, atol=1e-4)
    _, _, mean, variance = layer.get_weights()
    np.testing.assert_allclose(mean, 0.01 * MEAN, rtol=1e-4)
    np.testing.assert_allclose(variance, 0.99 + 0.01 * VARIANCE, rtol=1e-4)


def test_evaluation_uses_the_averages_and_keeps_them(layer):
    mean, variance = np.array([1.0, 2, 3]), np.array([4.0, 1, 9])
    layer.set_weights([*layer.get_weights()[:2], mean, variance])
    y = np.asarray(layer(X))
    np.testing.assert_allclose(y, normalize(mean, variance), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(layer.get_weights()[2], mean)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
