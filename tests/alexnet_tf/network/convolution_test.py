"""Convolutions against NumPy in float64, and the choice of method."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.devices import precision
from alexnet_tf.network import convolution
from tests.alexnet_tf.reference_convolution import convolve


@pytest.fixture(autouse=True)
def processor(monkeypatch):
    """A CPU on which joining was measured, without a GPU."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    monkeypatch.setattr(precision, "read_cpu_flags", lambda: {"avx512_bf16"})


def make_operands(pixels, size, maps=3, kernels=4, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, *pixels, maps)).astype(np.float32)
    kernel = rng.standard_normal((size, size, maps, kernels)).astype(np.float32)
    return x, kernel


def measure(found, expected):
    found = np.asarray(tf.cast(found, tf.float64))
    assert found.shape == expected.shape
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize(
    ("pixels", "size", "stride", "padding"),
    [
        ((24, 24), 11, 4, (0, 3)),  # conv1 of the paper: 24 = 20 + 4, 224 = 220 + 4
        ((27, 27), 11, 4, (0, 0)),  # conv1 of the source: 227
        ((26, 23), 11, 4, (0, 0)),  # pixels that no window reaches
        ((25, 21), 11, 4, (2, 2)),
        ((12, 19), 4, 4, (0, 0)),
        ((9, 8), 3, 2, (1, 0)),
        ((9, 9), 2, 3, (0, 0)),  # a stride wider than the kernel
        ((7, 7), 3, 1, (0, 1)),
        ((7, 7), 5, 1, (2, 2)),
        ((7, 7), 4, 1, (2, 2)),  # 8x8 come out
    ],
)
@pytest.mark.parametrize("function", ["convolve", "convolve_joined"])
def test_convolution_and_gradients_are_the_sums_of_products(
    function, pixels, size, stride, padding
):
    x, kernel = make_operands(pixels, size)
    expected, windows = convolve(x, kernel, stride, padding)
    dy = np.random.default_rng(1).standard_normal(expected.shape).astype(np.float32)
    inputs = tf.constant(x), tf.constant(kernel)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = getattr(convolution, function)(*inputs, stride, padding)
    dx, dkernel = tape.gradient(y, inputs, tf.constant(dy))
    assert measure(y, expected) < 1e-6
    dy64 = dy.astype(np.float64)
    assert measure(dkernel, np.tensordot(windows, dy64, [(0, 1, 2)] * 2)) < 1e-6
    # The sum is linear in x: <dy, y(x + d) - y(x)> = <dx, d>, exactly.
    d = np.random.default_rng(2).standard_normal(x.shape)
    change = np.vdot(dy64, convolve(d, kernel, stride, padding)[0])
    assert np.vdot(dx, d) == pytest.approx(change, rel=1e-4)


def test_joined_bfloat16_is_within_its_rounding():
    x, kernel = make_operands((24, 24), 11)
    x16, kernel16 = (tf.cast(a, tf.bfloat16) for a in (x, kernel))
    x, kernel = (tf.cast(a, tf.float64).numpy() for a in (x16, kernel16))
    y = convolution.convolve(x16, kernel16, 4, (0, 3))
    assert y.dtype == tf.bfloat16
    assert measure(y, convolve(x, kernel, 4, (0, 3))[0]) < 0.004


@pytest.mark.parametrize(
    ("dtype", "maps", "stride", "expected"),
    [
        (tf.bfloat16, 3, 4, True),
        (tf.bfloat16, 15, 2, True),
        (tf.bfloat16, 16, 2, False),
        (tf.bfloat16, 3, 1, False),
        (tf.float32, 3, 4, False),
        (tf.float16, 3, 4, False),
    ],
)
def test_where_pixels_are_joined(dtype, maps, stride, expected):
    x = tf.zeros([1, 12, 12, maps], dtype)
    assert convolution.gains_by_joining(x, stride) == expected
    kernel = tf.zeros([4, 4, maps, 1], dtype)
    function = tf.function(lambda x: convolution.convolve(x, kernel, stride, (0, 0)))
    operations = function.get_concrete_function(x).graph.get_operations()
    (strides,) = (o.get_attr("strides") for o in operations if o.type == "Conv2D")
    assert strides == [1, stride, 1 if expected else stride, 1]


def test_a_gpu_is_given_pixels_as_they_are(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["GPU:0"])
    assert not convolution.gains_by_joining(tf.zeros([1, 9, 9, 3], tf.bfloat16), 4)


def test_other_processors_are_given_pixels_as_they_are(monkeypatch):
    monkeypatch.setattr(precision, "read_cpu_flags", lambda: {"avx2"})
    assert not convolution.gains_by_joining(tf.zeros([1, 9, 9, 3], tf.bfloat16), 4)


def test_images_of_unknown_size_are_not_joined():
    kernel = tf.zeros([4, 4, 3, 1], tf.bfloat16)
    function = tf.function(lambda x: convolution.convolve(x, kernel, 4, (0, 0)))
    spec = tf.TensorSpec([None, None, None, 3], tf.bfloat16)
    y = function.get_concrete_function(spec)(tf.zeros([1, 8, 8, 3], tf.bfloat16))
    assert y.shape == (1, 2, 2, 1)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
