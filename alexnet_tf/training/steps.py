"""One training step: no branches, no I/O.

The loss is the mean over the batch of -log softmax(logits)[label] (paper, section 3).
`tf.gradients` places each backward op on the device of its forward op;
`tf.GradientTape` would place both towers' backward ops on one device.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from alexnet_tf.devices import placement
from alexnet_tf.devices.collectives import Collectives
from alexnet_tf.evaluation import metrics
from alexnet_tf.optimization.loss_scale import LossScale
from alexnet_tf.optimization.momentum import Optimizer
from alexnet_tf.stack import keras

_ALONE = Collectives()


class TrainResult(NamedTuple):
    """The result of a training step."""

    loss: tf.Tensor  # float32 scalar, mean over the batch, before the update
    is_finite: tf.Tensor  # bool scalar; if False, the update was skipped
    errors: tf.Tensor  # int32 [2], the numbers of top-1 and top-5 errors
    gradient_norms: tf.Tensor  # float32 [parameters], L2 norm of each gradient


def compute_losses(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """-log softmax(logits)[label], float32 [B], for logits [B, classes]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels, tf.cast(logits, tf.float32)
    )


def make_train_step(
    model: keras.Model,
    optimizer: Optimizer,
    loss_scale: LossScale,
    device: str | None = None,
    collectives: Collectives = _ALONE,
) -> tf.types.experimental.PolymorphicFunction:
    """Compiles the training step of a model from images to logits.

    The step takes images float32 [B, crop, crop, 3] and labels int32 [B] and gives a
    `TrainResult`. `device` is tower a's; ops that belong to neither tower run there.
    The loss scale is 1 except in float16. With several workers, images and labels are
    this one's share of the batch, and the result is that of the whole batch.
    """
    variables = [parameter.variable for parameter in optimizer.parameters]

    @tf.function(autograph=False)
    def train_step(images: tf.Tensor, labels: tf.Tensor) -> TrainResult:
        with placement.scope(device):
            logits = model(images, training=True)
            with tf.name_scope("loss"):
                own_loss = tf.reduce_mean(compute_losses(logits, labels))
                own_errors = metrics.count_errors(logits, labels)

            scaled_gradients = tf.gradients(loss_scale.scale_up(own_loss), variables)
            own_gradients = loss_scale.scale_down(scaled_gradients, variables)

            with tf.name_scope("collectives"):
                gradients = collectives.average(own_gradients, variables)
                loss, errors = collectives.combine(own_loss, own_errors)
            with tf.name_scope("norms"):
                norms = _compute_norms(gradients, variables)

            # A finite sum has only finite terms.
            is_finite = tf.math.is_finite(loss + tf.reduce_sum(norms))
            tf.cond(is_finite, lambda: _apply(optimizer, gradients), lambda: False)
            with tf.name_scope("loss_scale"):
                loss_scale.update(is_finite)

            return TrainResult(loss, is_finite, errors, norms)

    return train_step


def _compute_norms(
    gradients: list[tf.Tensor], variables: list[tf.Variable]
) -> tf.Tensor:
    norms = []
    for gradient, variable in zip(gradients, variables, strict=True):
        with placement.scope(variable.device):
            norms.append(tf.math.sqrt(2.0 * tf.nn.l2_loss(gradient)))
    return tf.stack(norms)


def _apply(optimizer: Optimizer, gradients: list[tf.Tensor]) -> bool:
    optimizer.apply(gradients)
    return True
