"""The locally connected layer of the source's CIFAR-10 networks."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from alexnet_tf.network.layers import Convolution


class LocallyConnected(Convolution):
    """A convolution whose kernels and biases differ from pixel to pixel.

      y[r, c, n] = sum over i, j, m of x[s r + i, s c + j, m] kernel[r, c, (i, j, m), n]
                   + bias[r, c, n]

    with stride s; the arguments are those of `Convolution`.
    """

    def build(self, input_shape: Any) -> None:
        """Creates `kernel` [H', W', size^2 maps in, kernels], `bias` [H', W', kernels].

        The maps' size must be known.
        """
        height, width = (
            (side + sum(self.padding) - self.size) // self.stride + 1
            for side in input_shape[1:3]
        )
        inputs = self.size**2 * input_shape[3]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(height, width, inputs, self.kernels),
            initializer=self._kernel_initializer,
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(height, width, self.kernels),
            initializer=self._bias_initializer,
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B, H, W, maps in] -> [B, H', W', kernels]."""
        x = tf.pad(x, [[0, 0], list(self.padding), list(self.padding), [0, 0]])
        sizes, strides = (1, self.size, self.size, 1), (1, self.stride, self.stride, 1)
        windows = tf.image.extract_patches(x, sizes, strides, (1, 1, 1, 1), "VALID")
        kernel = tf.convert_to_tensor(self.kernel)
        y = tf.einsum("bhwi,hwik->bhwk", windows, kernel)
        return y + tf.convert_to_tensor(self.bias)
