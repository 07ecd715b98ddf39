"""The forward pass of an evaluation: views to averaged probabilities and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from alexnet_tf.devices import placement
from alexnet_tf.evaluation import metrics
from alexnet_tf.network import build, layers
from alexnet_tf.stack import keras


class EvalResult(NamedTuple):
    """The result of an evaluation step."""

    losses: tf.Tensor  # float32 [B], -log of the label's averaged probability
    is_error: tf.Tensor  # bool [B, 2], top-1 error, top-5 error
    probabilities: tf.Tensor  # float32 [B, classes], averaged over the views


def compute_probabilities(model: keras.Model, views: tf.Tensor) -> tf.Tensor:
    """The softmax output, averaged over each image's views (section 4.1).

    Takes views, float32 [B, views, crop, crop, 3], mean subtracted, and the model from
    images to logits. Returns float32 [B, classes].
    """
    num_views = tf.shape(views)[1]
    images = tf.reshape(views, [-1, *model.inputs[0].shape[1:]])
    logits = model(images, training=False)
    by_view = tf.nn.softmax(tf.cast(logits, tf.float32))
    by_image = tf.reshape(by_view, [-1, num_views, logits.shape[-1]])
    return tf.reduce_mean(by_image, axis=1)


def make_layer_function(
    model: keras.Model, layer: str
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Makes the function from images to a layer's outputs, both towers' together.

    It takes images, float32 [B, crop, crop, 3], mean subtracted, to float32 [B, ...,
    outputs], tower a's outputs first. The layer's name is without its tower: "relu7".
    """
    outputs = [
        each.output for each in model.layers if build.get_layer_name(each.name) == layer
    ]
    to_layer = keras.Model(model.inputs, outputs)

    def compute(images: tf.Tensor) -> tf.Tensor:
        towers = to_layer(images, training=False)
        return tf.cast(tf.concat(tf.nest.flatten(towers), axis=-1), tf.float32)

    return compute


def get_first_activation(model: keras.Model) -> str:
    """The name of the layer with the first kernels' responses: "relu1" in AlexNet."""
    names = (each.name for each in model.layers if isinstance(each, layers.Activation))
    return build.get_layer_name(next(names))


def make_eval_step(
    model: keras.Model, device: str | None = None
) -> tf.types.experimental.PolymorphicFunction:
    """Compiles the evaluation step of a model from images to logits.

    It is a function from views float32 [B, views, crop, crop, 3] and labels int32 [B]
    to an `EvalResult`. Ops that belong to neither tower run on `device`, tower a's.
    """
    image = list(model.inputs[0].shape[1:])
    # One trace for all batch sizes, as a split's last batch may be smaller.
    signature = [
        tf.TensorSpec([None, None, *image], tf.float32),
        tf.TensorSpec([None], tf.int32),
    ]

    @tf.function(input_signature=signature, autograph=False)
    def eval_step(views: tf.Tensor, labels: tf.Tensor) -> EvalResult:
        with placement.scope(device):
            return score(compute_probabilities(model, views), labels)

    return eval_step


def score(probabilities: tf.Tensor, labels: tf.Tensor) -> EvalResult:
    """The losses and errors of probabilities [B, classes] and labels int32 [B]."""
    # The smallest normal float32 keeps the loss finite at probability 0.
    label_probabilities = tf.gather(probabilities, labels, batch_dims=1)
    losses = -tf.math.log(tf.maximum(label_probabilities, 1.2e-38))
    return EvalResult(losses, metrics.find_errors(probabilities, labels), probabilities)
