"""The normalizations against the formulas, map by map, in NumPy float64."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.network import normalization
from alexnet_tf.network.normalization import (
    normalize_banded,
    normalize_fused,
    normalize_reference,
)

PAPER = {"radius": 2, "bias": 2.0, "alpha": 1e-4, "beta": 0.75}
# Large values, so that the sum matters beside k: alpha * sum is up to 4.
METHODS = {
    "reference": normalize_reference,
    "banded": normalize_banded,
    "fused": normalize_fused,
}


def make_input(maps=7, scale=60.0, seed=0):
    rng = np.random.default_rng(seed)
    return (scale * rng.standard_normal((2, 3, 4, maps))).astype(np.float32)


def compute_denominators(a, radius, bias, alpha):
    """k + alpha * sum of the neighbours' squares, for every map."""
    maps = a.shape[-1]
    s = np.empty_like(a)
    for i in range(maps):
        low, high = max(0, i - radius), min(maps - 1, i + radius)
        s[..., i] = bias + alpha * sum(a[..., j] ** 2 for j in range(low, high + 1))
    return s


def normalize(a, radius, bias, alpha, beta):
    a = a.astype(np.float64)
    return a / compute_denominators(a, radius, bias, alpha) ** beta


def differentiate(a, dy, radius, bias, alpha, beta):
    """dL/da[j] = sum over i of dy[i] db[i]/da[j], term by term."""
    a, dy = a.astype(np.float64), dy.astype(np.float64)
    s = compute_denominators(a, radius, bias, alpha)
    maps = a.shape[-1]
    dx = np.zeros_like(a)
    for i in range(maps):
        for j in range(maps):
            if i == j:
                dx[..., j] += dy[..., i] * s[..., i] ** -beta
            if abs(i - j) <= radius:
                ds = 2 * alpha * a[..., j]
                dx[..., j] += (
                    dy[..., i] * a[..., i] * -beta * s[..., i] ** (-beta - 1) * ds
                )
    return dx


def run(function, x, dy, **parameters):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x, **parameters)
    return y.numpy(), tape.gradient(y, x, tf.constant(dy)).numpy()


def measure(found, expected):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def test_the_formula_by_hand():
    a = np.array([[[[100.0, 200.0, 0.0, 0.0]]]], np.float32)
    # Sums of squares within one map: 5e4, 5e4, 4e4, 0. k + alpha * sum: 7, 7, 6, 2.
    expected = [100 / 7**0.75, 200 / 7**0.75, 0, 0]
    for function in METHODS.values():
        y = function(tf.constant(a), radius=1, bias=2.0, alpha=1e-4, beta=0.75)
        np.testing.assert_allclose(y.numpy().ravel(), expected, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("maps", [3, 7, 48])
def test_forward_and_gradient_are_the_formula(method, maps):
    x, dy = make_input(maps), make_input(maps, scale=1.0, seed=1)
    y, dx = run(METHODS[method], x, dy, **PAPER)
    assert measure(y, normalize(x, **PAPER)) < 1e-6
    assert measure(dx, differentiate(x, dy, **PAPER)) < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_other_constants(method):
    parameters = {"radius": 1, "bias": 1.0, "alpha": 3e-4, "beta": 0.6}
    x, dy = make_input(), make_input(scale=1.0, seed=1)
    y, dx = run(METHODS[method], x, dy, **parameters)
    assert measure(y, normalize(x, **parameters)) < 1e-6
    assert measure(dx, differentiate(x, dy, **parameters)) < 1e-6


def test_the_gradient_formula_is_the_slope():
    """The test's own derivative, against central differences."""
    x, dy = make_input(5).astype(np.float64), make_input(5, scale=1.0, seed=1)
    analytic = differentiate(x, dy, **PAPER)
    for index in [(0, 0, 0, 0), (1, 2, 3, 2), (0, 1, 2, 4)]:
        step = np.zeros_like(x)
        step[index] = 1e-3
        change = normalize(x + step, **PAPER) - normalize(x - step, **PAPER)
        np.testing.assert_allclose(
            (change * dy).sum() / 2e-3, analytic[index], rtol=1e-6
        )


@pytest.mark.parametrize("method", ["banded", "fused"])
@pytest.mark.parametrize("maps", [48, 128])
def test_the_fast_methods_are_the_reference(method, maps):
    x, dy = make_input(maps), make_input(maps, scale=1.0, seed=1)
    results = [run(METHODS[m], x, dy, **PAPER) for m in (method, "reference")]
    (y, dx), (expected_y, expected_dx) = results
    assert measure(y, expected_y) < 1e-6
    assert measure(dx, expected_dx) < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_bfloat16_is_close(method):
    x, dy = make_input(48), make_input(48, scale=1.0, seed=1)
    x16, dy16 = tf.cast(x, tf.bfloat16), tf.cast(dy, tf.bfloat16)
    with tf.GradientTape() as tape:
        tape.watch(x16)
        y = METHODS[method](x16, **PAPER)
    dx = tape.gradient(y, x16, dy16)
    assert y.dtype == dx.dtype == tf.bfloat16
    x, dy = (tf.cast(v, tf.float32).numpy() for v in (x16, dy16))
    # bfloat16 has 8 bits: 0.4 % per rounding.
    found_y, found_dx = tf.cast(y, tf.float32), tf.cast(dx, tf.float32)
    assert measure(found_y, normalize(x, **PAPER)) < 0.006
    assert measure(found_dx, differentiate(x, dy, **PAPER)) < 0.01


@pytest.mark.parametrize("maps", [48, 128])
def test_fused_bfloat16_is_within_two_units_in_the_last_place(maps):
    """Of the float64 result, every element; of the gradient's larger term."""
    x16 = tf.cast(make_input(maps), tf.bfloat16)
    dy16 = tf.cast(make_input(maps, scale=1.0, seed=1), tf.bfloat16)
    with tf.GradientTape() as tape:
        tape.watch(x16)
        y = normalize_fused(x16, **PAPER)
    dx = tape.gradient(y, x16, dy16)
    x, dy = (tf.cast(v, tf.float64).numpy() for v in (x16, dy16))
    found_y, found_dx = (tf.cast(v, tf.float64).numpy() for v in (y, dx))

    def unit(value):
        # bfloat16 keeps 8 bits: a number of [2^e, 2^(e+1)) ends at 2^(e-7).
        return 2.0 ** (np.floor(np.log2(np.abs(value) + 1e-30)) - 7)

    expected = normalize(x, **PAPER)
    assert (np.abs(found_y - expected) / unit(expected)).max() <= 2
    expected = differentiate(x, dy, **PAPER)
    first = dy * compute_denominators(x, 2, 2.0, 1e-4) ** -0.75
    larger = np.maximum(np.abs(first), np.abs(first - expected))
    assert (np.abs(found_dx - expected) / unit(larger)).max() <= 2


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16, tf.float32])
def test_fused_keeps_what_is_not_finite(dtype):
    """Our rounding must keep NaNs, as runs stop on them."""
    x = np.ones((1, 1, 2, 7), np.float32)
    x[0, 0, 0, 1], x[0, 0, 1, 6] = np.nan, np.inf
    dy = np.ones_like(x)
    y, dx = run(
        normalize_fused, tf.cast(x, dtype), dy.astype(dtype.as_numpy_dtype), **PAPER
    )
    is_nan = [[True] * 4 + [False] * 3, [False] * 6 + [True]]
    np.testing.assert_array_equal(np.isnan(y.astype(np.float32))[0, 0], is_nan)
    assert (y.astype(np.float32)[0, 0, 1, 4:6] == 0).all()
    assert np.isnan(dx.astype(np.float32)[0, 0, 0, :4]).all()


def test_fused_bfloat16_is_rounded_half_to_even():
    # Of bfloat16's neighbours 1 and 1 + 2^-7 the mean is a tie, and so is the next.
    ties = np.array([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 3.4e38], np.float32)
    found = normalization._narrow(tf.constant(ties), tf.bfloat16)
    expected = [1, 1 + 2**-6, -1, np.inf]
    np.testing.assert_array_equal(tf.cast(found, tf.float32), expected)
    np.testing.assert_array_equal(found, tf.cast(ties, tf.bfloat16))


def test_fused_bfloat16_keeps_every_nan():
    # All ones is what GPUs make; the fourth is a bfloat16's own, cut off below.
    patterns = np.array([0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001, 0xFFC00000], np.uint32)
    narrow = tf.function(normalization._narrow, jit_compile=True)
    for function in (narrow, normalization._narrow):
        found = function(tf.constant(patterns.view(np.float32)), tf.bfloat16)
        assert np.isnan(tf.cast(found, tf.float32).numpy()).all()


def test_fused_without_neighbours():
    x, dy = make_input(3), make_input(3, scale=1.0, seed=1)
    parameters = PAPER | {"radius": 0}
    y, dx = run(normalize_fused, x, dy, **parameters)
    assert measure(y, normalize(x, **parameters)) < 1e-6
    assert measure(dx, differentiate(x, dy, **parameters)) < 1e-6


def test_rectified_gradients_are_those_before_the_relu():
    z, dy = make_input(48), make_input(48, scale=1.0, seed=1)
    x = np.maximum(z, 0)
    _, dz = run(normalize_fused, x, dy, **PAPER, rectified=True)
    expected = np.where(z > 0, differentiate(x, dy, **PAPER), 0)
    assert measure(dz, expected) < 1e-6
    assert not dz[z <= 0].any()


def test_auto_is_the_fastest_and_saved_networks_need_no_compiler():
    fastest = "fused" if stack.XLA_FUSES_LOOPS else "banded"
    assert normalization.resolve_method("auto") == fastest
    assert normalization.resolve_method("reference") == "reference"
    portable = [normalization.make_portable(m) for m in ("auto", "fused", "reference")]
    assert portable == ["banded", "banded", "reference"]


@pytest.mark.parametrize("method", METHODS)
def test_float16_squares_do_not_overflow(method):
    # 300^2 exceeds float16's 65,504; an infinite sum would silently make y zero.
    x = make_input(48, scale=1.0)
    x = (300 * np.sign(x) + x).astype(np.float16)
    y = METHODS[method](tf.constant(x), **PAPER)
    assert y.dtype == tf.float16
    assert measure(y, normalize(x, **PAPER)) < 0.002


@pytest.mark.parametrize("method", METHODS)
def test_layer_normalizes_within_its_own_maps(method):
    """One tower's maps: the sum ends at the tower's first and last map."""
    layer = normalization.LocalResponseNormalization(method, *PAPER.values())
    a, b = make_input(8), make_input(8, seed=1)
    y = layer(a).numpy()
    assert measure(y, normalize(a, **PAPER)) < 1e-6
    joined = layer(np.concatenate([a, b], axis=3)).numpy()[..., :8]
    np.testing.assert_allclose(joined[..., :6], y[..., :6], rtol=1e-5)
    assert np.abs(joined[..., 6:] / y[..., 6:] - 1).max() > 0.01


def test_alpha_is_not_divided_by_n():
    x = np.full((1, 1, 1, 5), 100.0, np.float32)
    y = normalize_reference(tf.constant(x), **PAPER).numpy()[0, 0, 0, 2]
    np.testing.assert_allclose(y, 100 / (2 + 1e-4 * 5 * 1e4) ** 0.75, rtol=1e-6)


def test_map_normalization_is_the_formula():
    x = make_input(3, scale=80.0)
    y = normalization.MapNormalization(size=5, alpha=0.001, beta=0.75)(x).numpy()
    squares = np.pad(x.astype(np.float64) ** 2, ((0, 0), (2, 2), (2, 2), (0, 0)))
    expected = np.empty(x.shape)
    for row in range(3):
        for column in range(4):
            window = squares[:, row : row + 5, column : column + 5]
            s = 1 + 0.001 / 25 * window.sum(axis=(1, 2))
            expected[:, row, column] = x[:, row, column] / s**0.75
    assert measure(y, expected) < 1e-6


def test_map_normalization_in_float16_does_not_overflow():
    x = np.full((1, 6, 6, 1), 300.0, np.float16)
    y = normalization.MapNormalization(dtype="mixed_float16")(x).numpy()
    np.testing.assert_allclose(
        y[0, 2, 2, 0], 300 / (1 + 0.001 * 300.0**2) ** 0.75, rtol=2e-3
    )


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
