"""Batch normalization, a later alternative to the paper's response normalization."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from alexnet_tf.network.layers import PlacedLayer
from alexnet_tf.stack import keras

# As in Keras' layer.
_DECAY, EPSILON = 0.99, 1e-3


class BatchNormalization(PlacedLayer):
    """Ioffe and Szegedy (2015), on the maps of a convolution, before its ReLU.

      training:  y = kernel (x - m) / sqrt(v + 0.001) + bias, with the mean m and the
                 variance v of each map over batch and pixels
      test:      the same with m and v averaged over the training batches:
                 mean <- 0.99 mean + 0.01 m, and the variance likewise

    `kernel` and `bias` are called gamma and beta elsewhere.
    """

    def build(self, input_shape: Any) -> None:
        """Creates `kernel`, `bias`, `mean` and `variance`, each [maps], float32."""
        maps = (input_shape[-1],)
        zeros, ones = (keras.initializers.Constant(value) for value in (0.0, 1.0))
        self.kernel = self.add_weight(name="kernel", shape=maps, initializer=ones)
        self.bias = self.add_weight(name="bias", shape=maps, initializer=zeros)
        self.mean = self.add_weight(
            name="mean", shape=maps, initializer=zeros, trainable=False
        )
        self.variance = self.add_weight(
            name="variance", shape=maps, initializer=ones, trainable=False
        )

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[B, H, W, maps] -> [B, H, W, maps]."""
        if training:
            mean, variance = tf.nn.moments(tf.cast(x, tf.float32), (0, 1, 2))
            for average, value in ((self.mean, mean), (self.variance, variance)):
                average.assign(_DECAY * average + (1.0 - _DECAY) * value)
        else:
            mean, variance = (
                tf.cast(tf.convert_to_tensor(v), tf.float32)
                for v in (self.mean, self.variance)
            )
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), tf.float32)
        bias = tf.cast(tf.convert_to_tensor(self.bias), tf.float32)
        y = (tf.cast(x, tf.float32) - mean) * tf.math.rsqrt(variance + EPSILON)
        return tf.cast(y * kernel + bias, x.dtype)
