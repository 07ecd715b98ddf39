"""Each layer against NumPy in float64, numbers worked out by hand, or statistics."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.network import layers
from alexnet_tf.stack import keras
from tests.alexnet_tf.reference_convolution import convolve

SEED = (3, 5)


def make_rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("size", "stride", "padding", "pixels", "result"),
    [
        (11, 4, (0, 3), 24, 5),  # conv1: 24 = 20 + 4, as 224 = 220 + 4
        (5, 1, (2, 2), 7, 7),
        (3, 1, (1, 1), 6, 6),
    ],
)
def test_convolution_is_the_sum_of_products(size, stride, padding, pixels, result):
    layer = layers.Convolution(4, size, stride, padding, 0.1, 0.5, SEED)
    x = make_rng().standard_normal((2, pixels, pixels, 3)).astype(np.float32)
    y = layer(x).numpy()
    kernel, bias = (np.asarray(w) for w in layer.get_weights())
    assert kernel.shape == (size, size, 3, 4)
    np.testing.assert_array_equal(bias, 0.5)
    assert y.shape == (2, result, result, 4)
    expected = convolve(x, kernel, stride, padding)[0] + bias
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5)


def test_conv1_of_the_paper_gives_55_and_hangs_over_right_and_bottom():
    layer = layers.Convolution(1, 11, 4, (0, 3), 0.01, 0.0, SEED)
    x = np.ones((1, 224, 224, 1), np.float32)
    layer.build(x.shape)
    layer.built = True
    layer.set_weights([np.ones((11, 11, 1, 1)), np.zeros(1)])
    y = layer(x).numpy()[0, :, :, 0]
    # The last windows start at 4 * 54 = 216 and see 8 pixels and 3 zeros.
    expected = np.full((55, 55), 121.0)
    expected[54, :] = expected[:, 54] = 8 * 11
    expected[54, 54] = 8 * 8
    np.testing.assert_array_equal(y, expected)


def test_dense_flattens_row_column_map():
    layer = layers.Dense(12, 0.01, 0.0, SEED)
    x = np.arange(12, dtype=np.float32).reshape(1, 2, 3, 2)
    layer.build(x.shape)
    layer.built = True
    bias = np.linspace(-3, 2.5, 12).astype(np.float32)
    layer.set_weights([np.eye(12), bias])
    # Row, column, map is the order that x was filled in.
    np.testing.assert_array_equal(layer(x).numpy()[0], np.arange(12) + bias)


def test_dense_is_the_product():
    layer = layers.Dense(5, 0.3, 1.0, SEED)
    x = make_rng().standard_normal((3, 2, 2, 4)).astype(np.float32)
    y = layer(x).numpy()
    kernel, bias = (np.asarray(w, np.float64) for w in layer.get_weights())
    assert kernel.shape == (16, 5)
    np.testing.assert_array_equal(bias, 1)
    np.testing.assert_allclose(y, x.reshape(3, 16) @ kernel + bias, atol=1e-5)


def test_activations():
    x = np.array([[-2.0, -0.0, 0.5, 3.0]], np.float32)
    relu = layers.Activation("relu")(x).numpy()
    np.testing.assert_array_equal(relu, [[0, 0, 0.5, 3]])
    tanh = layers.Activation("tanh")(x).numpy()
    np.testing.assert_allclose(tanh, np.tanh(x.astype(np.float64)), rtol=1e-5)


def test_overlapping_pooling_is_the_maximum():
    pooling = layers.MaxPooling(3, 2)
    x = make_rng().standard_normal((2, 8, 7, 3)).astype(np.float32)
    y = pooling(x).numpy()
    assert y.shape == (2, 3, 3, 3)
    for row in range(3):
        for column in range(3):
            top, left = 2 * row, 2 * column
            window = x[:, top : top + 3, left : left + 3]
            np.testing.assert_array_equal(y[:, row, column], window.max(axis=(1, 2)))


def test_pooling_sizes_of_the_paper():
    pooling = layers.MaxPooling(3, 2)
    sides = [55]
    for _ in range(3):
        sides.append(pooling(np.zeros((1, sides[-1], sides[-1], 1))).shape[1])
    assert sides == [55, 27, 13, 6]


def test_copy_and_exchange():
    a, b = np.zeros((2, 3, 3, 2), np.float32), np.ones((2, 3, 3, 4), np.float32)
    np.testing.assert_array_equal(layers.Copy()(b).numpy(), b)
    both = layers.Exchange()([a, b]).numpy()
    np.testing.assert_array_equal(both, np.concatenate([a, b], axis=3))


def make_dropout(rate=0.5, scaling="test", seed=SEED):
    return layers.Dropout(rate, scaling, seed)


def drop(layer, x):
    return layer(x, training=True).numpy()


@pytest.mark.parametrize("rate", [0.5, 0.2])
def test_dropout_of_the_paper(rate):
    layer = make_dropout(rate)
    x = 1.0 + make_rng().random((400, 250)).astype(np.float32)
    y = drop(layer, x)
    dropped = y == 0
    # Kept values are untouched: the paper scales at test.
    np.testing.assert_array_equal(y[~dropped], x[~dropped])
    # Five standard deviations of a mean of 100,000 draws, of 250 and of 400.
    sigma = np.sqrt(rate * (1 - rate))
    assert abs(dropped.mean() - rate) < 5 * sigma / np.sqrt(1e5)
    assert np.abs(dropped.mean(axis=1) - rate).max() < 5 * sigma / np.sqrt(250)
    assert np.abs(dropped.mean(axis=0) - rate).max() < 5 * sigma / np.sqrt(400)
    np.testing.assert_allclose(layer(x, training=False).numpy(), x * (1 - rate))


@pytest.mark.parametrize("rate", [0.5, 0.25])
def test_dropout_scaled_in_training_is_keras(rate):
    layer = make_dropout(rate, "training")
    x = 1.0 + make_rng().random((40, 30)).astype(np.float32)
    y = drop(layer, x)
    np.testing.assert_allclose(y[y != 0], x[y != 0] / (1 - rate), rtol=1e-6)
    np.testing.assert_array_equal(layer(x, training=False).numpy(), x)
    # If another test turned on determinism, Keras 2 requires a seed.
    tf.random.set_seed(1)
    theirs = keras.layers.Dropout(rate)(x, training=True).numpy()
    np.testing.assert_allclose(theirs[theirs != 0], x[theirs != 0] / (1 - rate), 1e-6)
    # Both preserve the mean of a unit's input.
    assert abs(y.mean() - x.mean()) < 0.3


def test_dropout_mask_is_a_function_of_seed_and_draws():
    x = np.ones((4, 64), np.float32)
    first, again, other = make_dropout(), make_dropout(), make_dropout(seed=(3, 6))
    masks = [drop(first, x) for _ in range(3)]
    assert first.draws.numpy() == 3
    assert not np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[1], masks[2])
    np.testing.assert_array_equal(masks[0], drop(again, x))
    # Set back, as a checkpoint does: the third mask without the second.
    again.draws.assign(2)
    np.testing.assert_array_equal(masks[2], drop(again, x))
    assert not np.array_equal(masks[0], drop(other, x))
    assert not np.array_equal(masks[0], drop(make_dropout(seed=(4, 5)), x))


def test_dropout_counter_is_no_weight_and_waits_at_test():
    layer = make_dropout()
    x = np.ones((1, 8), np.float32)
    layer(x, training=False)
    assert layer.draws.numpy() == 0
    assert layer.count_params() == 0
    assert layer.weights == []
    drop(layer, x)
    assert layer.draws.numpy() == 1


def test_dropout_draws_anew_within_one_trace():
    layer = make_dropout()
    function = tf.function(lambda x: layer(x, training=True))
    x = tf.ones([4, 64])
    first, second = function(x).numpy(), function(x).numpy()
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, drop(make_dropout(), x))


def test_gaussian_has_the_moments_of_a_normal():
    values = layers.Gaussian(0.01, SEED)((500, 400)).numpy().astype(np.float64) / 0.01
    assert values.dtype == np.float64
    # Standard errors of the mean, variance, skewness and kurtosis of 200,000 draws.
    n = values.size
    assert abs(values.mean()) < 5 / np.sqrt(n)
    assert abs(values.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs((values**3).mean()) < 5 * np.sqrt(15 / n)
    assert abs((values**4).mean() - 3) < 5 * np.sqrt(96 / n)
    # Not cut off at two standard deviations: 4.55 % lie beyond.
    assert abs((np.abs(values) > 2).mean() - 0.0455) < 0.003


def test_gaussian_is_the_same_on_every_stack():
    values = layers.Gaussian(0.01, (7, 2))((2, 3)).numpy()
    golden = [
        [0.009531442075967789, 0.01435905322432518, 0.005811220966279507],
        [-0.0017391752917319536, 0.0017470249440521002, 0.004057344049215317],
    ]
    np.testing.assert_allclose(values, golden, rtol=2e-6)


def test_gaussian_depends_on_both_seeds_and_is_drawn_in_float32():
    for_seeds = [layers.Gaussian(0.01, seed) for seed in ((0, 1), (0, 2), (1, 1))]
    values = [gaussian((4,)).numpy() for gaussian in for_seeds]
    assert all(v.dtype == np.float32 for v in values)
    assert len({v.tobytes() for v in values}) == 3
    half = for_seeds[0]((4,), dtype="float16").numpy()
    np.testing.assert_array_equal(half, values[0].astype(np.float16))


def test_layers_run_on_their_device():
    layer = layers.Dense(2, 0.01, 0.0, SEED, device="/device:CPU:0")
    y = layer(np.ones((1, 3), np.float32))
    assert y.device.endswith("device:CPU:0")

    # Entered on every call of the layer, not only on construction.
    @tf.function
    def function(x):
        return layer(x)

    graph = function.get_concrete_function(tf.ones([1, 3])).graph
    products = [op for op in graph.get_operations() if op.type == "MatMul"]
    assert [op.device for op in products] == ["/device:CPU:0"]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
