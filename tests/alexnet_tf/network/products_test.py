"""Matmuls against NumPy in float64, and when rows are padded."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.devices import precision
from alexnet_tf.network import layers, products

WIDTH = 1024  # 4,096 bytes of float32


@pytest.fixture
def avx2(monkeypatch):
    """A processor with AVX2 and no AVX-512, without a GPU."""
    monkeypatch.setattr(precision, "read_cpu_flags", lambda: {"avx2"})
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    products.suffers_conflicts.cache_clear()
    yield
    products.suffers_conflicts.cache_clear()


def make_operands(rows=32, width=WIDTH):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 50)).astype(np.float32)
    kernel = rng.standard_normal((50, width)).astype(np.float32)
    return tf.constant(x), tf.constant(kernel)


def test_product_and_gradients_are_those_of_the_plain_one():
    x, kernel = make_operands()
    dy = np.random.default_rng(1).standard_normal((32, WIDTH)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = products.multiply_apart(x, kernel)
    dx, dkernel = tape.gradient(y, [x, kernel], tf.constant(dy))
    x64, kernel64, dy64 = (np.asarray(a, np.float64) for a in (x, kernel, dy))
    for result, expected in (
        (y, x64 @ kernel64),
        (dx, dy64 @ kernel64.T),
        (dkernel, x64.T @ dy64),
    ):
        assert result.shape == expected.shape
        error = np.linalg.norm(result.numpy() - expected) / np.linalg.norm(expected)
        assert error < 1e-6


@pytest.mark.parametrize(
    ("rows", "width", "dtype", "expected"),
    [
        (32, 1024, tf.float32, True),
        (128, 2048, tf.float32, True),
        (128, 2048, tf.bfloat16, True),
        (128, 1024, tf.bfloat16, False),  # 2,048 bytes
        (128, 1000, tf.float32, False),  # fc8 of the paper
        (31, 2048, tf.float32, False),
        (1, 2048, tf.float32, False),
        (None, 2048, tf.float32, False),
    ],
)
def test_rows_that_meet(rows, width, dtype, expected):
    kernel = tf.zeros([3, width], dtype)
    assert products.has_conflicts(rows, kernel) == expected


@pytest.mark.parametrize(
    ("flags", "gpus", "expected"),
    [
        ({"avx2"}, [], True),
        ({"avx2", "avx512f"}, [], False),
        ({"avx2"}, ["GPU:0"], False),
        ({"asimd"}, [], False),
        (set(), [], False),
    ],
)
def test_machines_that_suffer(monkeypatch, avx2, flags, gpus, expected):
    monkeypatch.setattr(precision, "read_cpu_flags", lambda: flags)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: gpus)
    assert products.suffers_conflicts() == expected


def list_operations(rows):
    """The operations of a dense layer of the paper's width, in a graph."""
    layer = layers.Dense(WIDTH, 0.01, 0.0, (0, 0))
    layer.build([rows, 8])
    layer.built = True
    function = tf.function(layer.call)
    graph = function.get_concrete_function(tf.TensorSpec([rows, 8])).graph
    return {operation.type for operation in graph.get_operations()}


def test_dense_layers_use_it(avx2):
    assert "Pad" in list_operations(64)
    assert "Pad" not in list_operations(None)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
