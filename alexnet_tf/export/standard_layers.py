"""Rebuilds a trained network from standard Keras layers: pixels to probabilities.

This is for formats that other programs read. The graph stays the same; each of our
layers becomes standard ones:

  images              Normalization, whose mean is the mean image and whose variance 1
  Convolution         ZeroPadding2D, Conv2D
  LocallyConnected    ZeroPadding2D, Conv2D that copies windows into maps, EinsumDense
  BatchNormalization  BatchNormalization
  Activation          Activation
  normalization       s = k + alpha (x^2 B): Conv2D of 1x1 with the fixed kernel
                      alpha B on x * x; y = x s^-beta     (B: see `normalization`)
  MaxPooling          MaxPooling2D
  Exchange            Concatenate
  Dense               Flatten, Dense
  Dropout             Rescaling by its factor at test, 1 - rate (paper, section 4.2)
  logits              Softmax

Everything is float32, whatever precision training used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from alexnet_tf import stack
from alexnet_tf.data import evaluation_views
from alexnet_tf.network import batch_normalization, layers, local, normalization
from alexnet_tf.runs.trained_network import TrainedNetwork
from alexnet_tf.stack import keras
from tfrecords import errors

_DTYPE = "float32"
_IMAGE = {"data_format": "channels_last", "dtype": _DTYPE}


def build_inference_model(network: TrainedNetwork) -> keras.Model:
    """Builds the model with the weights of the network, built without placement.

    It goes from images, float32 [N, crop, crop, 3], RGB 0..255, to probabilities,
    float32 [N, num_classes], and has only Keras' layers: Keras loads it in safe mode,
    without this package.
    """
    size = network.config.data.crop_size
    images = keras.Input((size, size, 3), name="images", dtype=_DTYPE)
    mean = evaluation_views.make_centre_mean(
        network.config.data, network.training_data.statistics
    )
    tensors = {id(network.model.input): _subtract(images, mean.numpy())}
    for layer in network.model.layers:
        if type(layer) not in _REPLACEMENTS:
            continue  # The input.
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        tensors[id(layer.output)] = _REPLACEMENTS[type(layer)](
            layer, [tensors[id(tensor)] for tensor in inputs]
        )
    logits = tensors[id(network.model.output)]
    probabilities = keras.layers.Softmax(dtype=_DTYPE, name="probabilities")(logits)
    return keras.Model(images, probabilities, name="alexnet")


def _subtract(images: Any, mean: np.ndarray) -> Any:
    # Sets weights: a mean image given as an argument would become text in the file.
    layer = keras.layers.Normalization(axis=(1, 2, 3), dtype=_DTYPE, name="mean_image")
    layer.build((None, *mean.shape))
    layer.set_weights([mean, np.ones_like(mean), np.zeros((), np.int64)])
    layer.finalize_state()
    # Arrays become constants of the graph; tensors would become its inputs.
    layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    return layer(images)


def _replace_convolution(layer: layers.Convolution, inputs: list) -> Any:
    x, padding = inputs[0], "valid"
    if layer.stride == 1 and layer.padding == (layer.size // 2, layer.size // 2):
        padding = "same"
    elif any(layer.padding):
        x = keras.layers.ZeroPadding2D(
            (layer.padding, layer.padding), name=f"{layer.name}_zeros", **_IMAGE
        )(x)
    convolution = keras.layers.Conv2D(
        layer.kernels, layer.size, layer.stride, padding, name=layer.name, **_IMAGE
    )
    return _apply(convolution, x, layer.get_weights())


def _replace_local(layer: local.LocallyConnected, inputs: list) -> Any:
    x = keras.layers.ZeroPadding2D(
        (layer.padding, layer.padding), name=f"{layer.name}_zeros", **_IMAGE
    )(inputs[0])
    kernel, bias = layer.get_weights()
    height, width, inputs_per_pixel, kernels = kernel.shape
    maps = x.shape[-1]
    copy = keras.layers.Conv2D(
        inputs_per_pixel,
        layer.size,
        layer.stride,
        use_bias=False,
        trainable=False,
        name=f"{layer.name}_windows",
        **_IMAGE,
    )
    shape = (layer.size, layer.size, maps, inputs_per_pixel)
    identity = np.eye(inputs_per_pixel, dtype=np.float32).reshape(shape)
    sums = keras.layers.EinsumDense(
        "bhwi,hwik->bhwk",
        (height, width, kernels),
        bias_axes="hwk",
        dtype=_DTYPE,
        name=layer.name,
    )
    return _apply(sums, _apply(copy, x, [identity]), [kernel, bias])


def _replace_batch_normalization(
    layer: batch_normalization.BatchNormalization, inputs: list
) -> Any:
    standard = keras.layers.BatchNormalization(
        epsilon=batch_normalization.EPSILON, dtype=_DTYPE, name=layer.name
    )
    return _apply(standard, inputs[0], layer.get_weights())


def _replace_dense(layer: layers.Dense, inputs: list) -> Any:
    x = keras.layers.Flatten(name=f"{layer.name}_inputs", **_IMAGE)(inputs[0])
    dense = keras.layers.Dense(layer.units, dtype=_DTYPE, name=layer.name)
    return _apply(dense, x, layer.get_weights())


def _replace_activation(layer: layers.Activation, inputs: list) -> Any:
    name = layer.function.__name__
    return keras.layers.Activation(name, dtype=_DTYPE, name=layer.name)(inputs[0])


def _replace_pooling(layer: layers.MaxPooling, inputs: list) -> Any:
    excess = {layer.count_excess(side) for side in inputs[0].shape[1:3]}
    # "same" puts the odd pixel after the map, as rounding up does.
    if excess - {0, 1} or len(excess) > 1:
        raise errors.UserError(
            f"pooling of {layer.size}x{layer.size} pixels, stride {layer.stride}, that "
            "rounds up has no standard Keras layer; use --formats=saved_model."
        )
    return keras.layers.MaxPooling2D(
        layer.size,
        layer.stride,
        "same" if excess == {1} else "valid",
        name=layer.name,
        **_IMAGE,
    )(inputs[0])


def _replace_dropout(layer: layers.Dropout, inputs: list) -> Any:
    if layer.test_factor == 1.0:
        return inputs[0]
    return keras.layers.Rescaling(layer.test_factor, dtype=_DTYPE, name=layer.name)(
        inputs[0]
    )


def _replace_exchange(layer: layers.Exchange, inputs: list) -> Any:
    return keras.layers.Concatenate(dtype=_DTYPE, name=layer.name)(inputs)


def _replace_normalization(
    layer: normalization.LocalResponseNormalization, inputs: list
) -> Any:
    x = inputs[0]
    maps = x.shape[-1]
    distance = np.abs(np.subtract.outer(np.arange(maps), np.arange(maps)))
    band = layer.alpha * (distance <= layer.radius).astype(np.float32)
    sums = keras.layers.Conv2D(
        maps, 1, trainable=False, name=f"{layer.name}_sums", **_IMAGE
    )
    weights = [band[np.newaxis, np.newaxis], np.full(maps, layer.bias, np.float32)]
    s = _apply(sums, _multiply(x, x, f"{layer.name}_squares"), weights)
    return _divide_by_power(x, s, layer.beta, layer.name)


def _replace_map_normalization(
    layer: normalization.MapNormalization, inputs: list
) -> Any:
    x = inputs[0]
    squares = _multiply(x, x, f"{layer.name}_squares")
    padded = keras.layers.ZeroPadding2D(
        layer.size // 2, name=f"{layer.name}_zeros", **_IMAGE
    )(squares)
    mean = keras.layers.AveragePooling2D(
        layer.size, 1, name=f"{layer.name}_means", **_IMAGE
    )(padded)
    s = keras.layers.Rescaling(
        layer.alpha, offset=1.0, dtype=_DTYPE, name=f"{layer.name}_sums"
    )(mean)
    return _divide_by_power(x, s, layer.beta, layer.name)


def _divide_by_power(x: Any, s: Any, beta: float, name: str) -> Any:
    # s^-0.75 = 1 / sqrt(s sqrt(s)), as in `normalization`.
    if beta == 0.75:
        root = stack.compute_power(s, 0.5)
        power = stack.compute_power(_multiply(s, root, f"{name}_products"), -0.5)
    else:
        power = stack.compute_power(s, -beta)
    return _multiply(x, power, name)


def _multiply(x: Any, y: Any, name: str) -> Any:
    return keras.layers.Multiply(dtype=_DTYPE, name=name)([x, y])


def _apply(layer: keras.layers.Layer, x: Any, weights: list[np.ndarray]) -> Any:
    y = layer(x)
    layer.set_weights(weights)
    return y


_REPLACEMENTS: dict[type, Callable[[Any, list], Any]] = {
    layers.Copy: lambda layer, inputs: inputs[0],
    layers.Convolution: _replace_convolution,
    local.LocallyConnected: _replace_local,
    batch_normalization.BatchNormalization: _replace_batch_normalization,
    layers.Activation: _replace_activation,
    layers.MaxPooling: _replace_pooling,
    layers.Exchange: _replace_exchange,
    layers.Dense: _replace_dense,
    layers.Dropout: _replace_dropout,
    normalization.LocalResponseNormalization: _replace_normalization,
    normalization.MapNormalization: _replace_map_normalization,
}
