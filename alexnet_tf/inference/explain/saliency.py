"""The saliency map: which pixels change the score of a class the fastest."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from alexnet_tf.stack import keras


def compute_saliency(model: keras.Model, view: tf.Tensor, label: int) -> np.ndarray:
    """Simonyan, Vedaldi and Zisserman (2013), section 3.

      M[r, c] = max over the channels k of |d S / d x[r, c, k]|

    with S the score of the class `label`: its logit, before the softmax, whose
    probability could also be raised by lowering the others. `view` is float32 [crop,
    crop, 3], mean subtracted; `model` goes to logits. Returns float32 [crop, crop].
    """
    images = tf.convert_to_tensor(view)[tf.newaxis]
    with tf.GradientTape() as tape:
        tape.watch(images)
        score = tf.cast(model(images, training=False)[0, label], tf.float32)
    gradient = tape.gradient(score, images)[0]
    return tf.reduce_max(tf.abs(gradient), axis=-1).numpy()
