"""The paper's layers, each with its formula.

Inputs and outputs are [batch, height, width, maps] or [batch, units]. Every layer runs
on its own device, forward and backward (see `devices.placement`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.devices import placement
from alexnet_tf.devices.workers import ALONE, Workers
from alexnet_tf.network import convolution, products
from alexnet_tf.stack import keras

# Fixed, so that the draws are the same on every device and in every version.
_ALGORITHM = "philox"


class Gaussian(keras.initializers.Initializer):
    """N(0, stddev) from a stateless generator: the same on both stacks and any device.

    The paper's stddev is 0.01 (section 5). The seed is two integers: the run's seed and
    the layer's number.
    """

    def __init__(self, stddev: float, seed: tuple[int, int]):
        self.stddev, self.seed = stddev, seed

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> tf.Tensor:
        """Draws a tensor of `shape`, always in float32, and casts it to `dtype`."""
        del kwargs
        drawn = tf.random.stateless_normal(
            shape, self.seed, stddev=self.stddev, alg=_ALGORITHM
        )
        return tf.cast(drawn, dtype or tf.float32)


class PlacedLayer(keras.layers.Layer):
    """A layer that builds and runs on `device`; with None, TensorFlow chooses it."""

    def __init__(self, device: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.device = device

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # Wraps Keras' __call__, which casts inputs and creates variables.
        with placement.scope(self.device):
            return super().__call__(*args, **kwargs)


class _LinearLayer(PlacedLayer):
    """A layer with a kernel, drawn by `Gaussian`, and a bias, a constant at first."""

    def __init__(
        self, stddev: float, initial_bias: float, seed: tuple[int, int], **kwargs: Any
    ):
        super().__init__(**kwargs)
        self._kernel_initializer = Gaussian(stddev, seed)
        self._bias_initializer = keras.initializers.Constant(initial_bias)

    def _add_kernel_and_bias(self, *shape: int) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=self._kernel_initializer
        )
        self.bias = self.add_weight(
            name="bias", shape=shape[-1:], initializer=self._bias_initializer
        )


class Convolution(_LinearLayer):
    """y = x * kernel + bias.

    `kernels` is the number of maps out; size and stride are pixels; `padding` is zeros
    (before, after) on both axes. On 224 pixels, the paper's conv1 gives 55 only if its
    last windows extend past the right and bottom edges, as in the source: (0, 3). The
    initial bias is 0 or 1 (section 5); `stddev` and `seed` are those of `Gaussian`.
    """

    def __init__(
        self,
        kernels: int,
        size: int,
        stride: int,
        padding: tuple[int, int],
        *initialization: Any,
        **kwargs: Any,
    ):
        super().__init__(*initialization, **kwargs)
        self.kernels, self.size, self.stride = kernels, size, stride
        self.padding = padding

    def build(self, input_shape: Any) -> None:
        """Creates `kernel` [size, size, maps in, kernels] and `bias` [kernels]."""
        self._add_kernel_and_bias(self.size, self.size, input_shape[-1], self.kernels)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B, H, W, maps in] -> [B, H', W', kernels]."""
        kernel = tf.convert_to_tensor(self.kernel)
        y = convolution.convolve(x, kernel, self.stride, self.padding)
        return tf.nn.bias_add(y, tf.convert_to_tensor(self.bias))


class Dense(_LinearLayer):
    """y = flatten(x) kernel + bias; maps are flattened in the order row, column, map.

    The arguments after `units` are those of `Convolution`.
    """

    def __init__(self, units: int, *initialization: Any, **kwargs: Any):
        super().__init__(*initialization, **kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        """Creates `kernel` [inputs, units] and `bias` [units]."""
        self._add_kernel_and_bias(int(np.prod(input_shape[1:])), self.units)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B, ...] -> [B, units]."""
        kernel = tf.convert_to_tensor(self.kernel)
        flat = tf.reshape(x, [-1, kernel.shape[0]])
        y = products.multiply(flat, kernel)
        return tf.nn.bias_add(y, tf.convert_to_tensor(self.bias))


class Activation(PlacedLayer):
    """max(0, x) (paper, section 3.1), tanh(x), its baseline in figure 1, or sigmoid.

    `function` is "relu" or "tanh". With `gradient_follows`, for relu only, the next
    layer already returns the gradient of this layer's input, as `normalize_fused` does,
    so it is passed on unchanged.
    """

    def __init__(self, function: str, gradient_follows: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        relu = _relu_passing_gradients if gradient_follows else tf.nn.relu
        self.function = {
            "relu": relu,
            "tanh": tf.math.tanh,
            "sigmoid": tf.math.sigmoid,
        }[function]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Any shape, element by element."""
        return self.function(x)


@tf.custom_gradient
def _relu_passing_gradients(x: tf.Tensor) -> Any:
    return tf.nn.relu(x), lambda dy: dy


class MaxPooling(PlacedLayer):
    """The maximum over size x size pixels, every `stride` pixels (section 3.4).

    `rounding` is "down", for whole windows only, or "up": as in the source, the last
    windows may extend past the right and bottom edges.
    """

    def __init__(self, size: int, stride: int, rounding: str = "down", **kwargs: Any):
        super().__init__(**kwargs)
        self.size, self.stride, self.rounding = size, stride, rounding

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B, H, W, maps] -> [B, (H - size) / stride + 1, rounded, ..., maps]."""
        if self.rounding == "up":
            # What the window holds outside is never the maximum.
            excess = [self.count_excess(side) for side in x.shape[1:3]]
            pads = [[0, 0], [0, excess[0]], [0, excess[1]], [0, 0]]
            x = tf.pad(x, pads, constant_values=x.dtype.min)
        return tf.nn.max_pool2d(x, self.size, self.stride, "VALID")

    def count_excess(self, side: int) -> int:
        """The pixels by which the last window extends past a map of `side` pixels."""
        return (self.size - side) % self.stride if self.rounding == "up" else 0


class Copy(PlacedLayer):
    """Copies the batch to this tower's device once, for all its readers."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Any shape, unchanged."""
        return tf.identity(x)


class HostCopy(PlacedLayer):
    """Copies what another tower will read, and its gradient, through the host's memory.

    The gradient of `tf.identity` is no operation, and would go directly.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Any shape, unchanged."""
        return _copy_through_host(x)


@tf.custom_gradient
def _copy_through_host(x: tf.Tensor) -> Any:
    def differentiate(dy: tf.Tensor) -> tf.Tensor:
        with tf.device(placement.HOST):
            return tf.identity(dy)

    with tf.device(placement.HOST):
        return tf.identity(x), differentiate


class Exchange(PlacedLayer):
    """Concatenates all towers' maps or units: the only connection between towers."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """[B, ..., n] of each tower -> [B, ..., n * towers]."""
        return tf.concat(inputs, axis=-1)


class Dropout(PlacedLayer):
    """Zeroes each input with probability `rate` in training (section 4.2).

      training:  y = x * mask                 mask ~ Bernoulli(1 - rate)
      test:      y = x * (1 - rate)

    With `scaling="training"` the factor moves to training, as in Keras' layer:
    y = x * mask / (1 - rate), and y = x at test. This changes the training dynamics: at
    rate 0.5 the layers above see four times the curvature.

    The mask is a function of (seed, draws): the seed is that of `Gaussian`; `draws`
    counts the training batches and is part of a run's state. One of several workers
    draws the mask of the whole batch and uses the rows of its share.
    """

    def __init__(
        self,
        rate: float,
        scaling: str,
        seed: tuple[int, int],
        workers: Workers = ALONE,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.rate, self.seed, self.workers = rate, seed, workers
        keep = 1.0 - rate
        self.training_factor = {"test": 1.0, "training": 1.0 / keep}[scaling]
        self.test_factor = {"test": keep, "training": 1.0}[scaling]
        with placement.scope(self.device):
            draws = tf.Variable(0, dtype=tf.int64, trainable=False, name="draws")
        # Bypasses Keras' tracking: the counter is not a parameter and must not appear
        # in `count_params` or a weight file. The checkpoint stores it by name.
        object.__setattr__(self, "draws", draws)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[B, units] -> [B, units]."""
        if not training:
            return x * tf.cast(self.test_factor, x.dtype)
        draw = self.draws.assign_add(1)
        seed = tf.random.experimental.stateless_fold_in(
            tf.constant(self.seed, tf.int64), draw, alg=_ALGORITHM
        )
        size = tf.shape(x)[0]
        shape = [self.workers.count * size, tf.shape(x)[1]]
        uniform = tf.random.stateless_uniform(shape, seed, alg=_ALGORITHM)
        first = self.workers.index * size
        uniform = uniform[first : first + size]
        mask = tf.cast(uniform >= self.rate, x.dtype)
        return x * mask * tf.cast(self.training_factor, x.dtype)
