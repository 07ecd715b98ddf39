"""Short binary codes from feature vectors by an autoencoder (ours).

The paper proposes it: searching with 4096 real numbers is inefficient, "but it could be
made efficient by training an auto-encoder to compress these vectors to short binary
codes", and expects more of it than of autoencoders on raw pixels (section 6.1).

    h      = relu(W1 x / scale + b1)                   scale = root mean square of x
    z      = batch normalization of W2 h               [bits]
    code   = z > 0
    x'     = scale (W4 relu(W3 (2 code - 1) + b3) + b4)
    loss   = mean((x' - x)^2) / scale^2

Normalization makes every bit 0 for about half of the vectors, so that none is wasted.
The code has no gradient; that of tanh(z) takes its place (straight-through estimation,
Bengio et al. 2013).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from alexnet_tf.retrieval.feature_files import Features
from alexnet_tf.stack import keras
from tfrecords.console import progress

_HIDDEN = 1024
_BATCH_SIZE = 128
_LEARNING_RATE = 1e-3

# The encoder's arrays: x [n, D] -> x / scale @ w1 + b1, and so on.
Encoder = dict[str, np.ndarray]


class _Binarize(keras.layers.Layer):
    """To -1 and 1 by the sign, with the gradient of tanh."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        soft = tf.tanh(inputs)
        hard = tf.where(inputs > 0, tf.ones_like(soft), -tf.ones_like(soft))
        return soft + tf.stop_gradient(hard - soft)


def train(
    features: Features, num_bits: int, num_epochs: int, seed: int = 0
) -> tuple[Encoder, float]:
    """Trains an autoencoder on all vectors, a block at a time.

    Returns the encoder and the last epoch's loss, the share of the vectors' mean square
    that the codes lose: 0 would be none.
    """
    keras.utils.set_random_seed(seed)
    source = features.source
    scale = _measure_scale(features)
    inputs = keras.Input([source.num_features])
    hidden = keras.layers.Dense(_HIDDEN, activation="relu", name="hidden")(inputs)
    units = keras.layers.Dense(num_bits, use_bias=False, name="units")(hidden)
    normalized = keras.layers.BatchNormalization(name="normalized", epsilon=1e-5)(units)
    code = _Binarize()(normalized)
    decoded = keras.layers.Dense(_HIDDEN, activation="relu")(code)
    outputs = keras.layers.Dense(source.num_features)(decoded)
    model = keras.Model(inputs, outputs)
    optimizer = keras.optimizers.Adam(_LEARNING_RATE)
    variables = model.trainable_variables

    @tf.function(
        input_signature=[tf.TensorSpec([None, source.num_features], tf.float32)],
        autograph=False,
    )
    def step(vectors: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            difference = model(vectors, training=True) - vectors
            loss = tf.reduce_mean(difference**2)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    rng = np.random.default_rng(seed)
    line = progress.Progress(
        f"autoencoder of {num_bits} bits", source.num_images * num_epochs, "vectors"
    )
    for _ in range(num_epochs):
        total = 0.0
        for batch in _shuffle(features, rng):
            total += float(step(batch / scale)) * len(batch)
            line.advance(len(batch))
    line.close()
    return _take_encoder(model, scale), total / source.num_images


def _measure_scale(features: Features) -> np.float32:
    blocks = range(features.source.num_blocks)
    squares = [
        float(np.sum(np.square(features.read_block(k)), dtype=float)) for k in blocks
    ]
    count = features.source.num_images * features.source.num_features
    return np.float32(max(np.sqrt(sum(squares) / count), 1e-12))


def _shuffle(features: Features, rng: np.random.Generator) -> Iterator[np.ndarray]:
    # Blocks in random order, and the rows of each: the records are already shuffled.
    for block in rng.permutation(features.source.num_blocks):
        vectors = features.read_block(int(block))
        order = rng.permutation(len(vectors))
        for start in range(0, len(order), _BATCH_SIZE):
            yield vectors[order[start : start + _BATCH_SIZE]]


def _take_encoder(model: keras.Model, scale: np.float32) -> Encoder:
    # Batch normalization as one product and one sum, with the averages of training.
    hidden, units = model.get_layer("hidden"), model.get_layer("units")
    gamma, beta, mean, variance = (
        np.asarray(weight) for weight in model.get_layer("normalized").get_weights()
    )
    factor = gamma / np.sqrt(variance + 1e-5)
    kernel, bias = (np.asarray(weight) for weight in hidden.get_weights())
    return {
        "kernel1": kernel / scale,
        "bias1": bias,
        "kernel2": np.asarray(units.get_weights()[0]) * factor,
        "bias2": beta - mean * factor,
    }


def make_encode(encoder: Encoder) -> Callable[[np.ndarray], np.ndarray]:
    """Makes the function from vectors, float32 [n, D], to codes, uint8 [n, bits / 8].

    The first bit of a code is the highest of its first byte.
    """

    def encode(vectors: np.ndarray) -> np.ndarray:
        hidden = np.maximum(vectors @ encoder["kernel1"] + encoder["bias1"], 0)
        return np.packbits(hidden @ encoder["kernel2"] + encoder["bias2"] > 0, axis=1)

    return encode
