"""Checks in a data set's graph that do not slow it down.

`tf.debugging.Assert` is stateful, and under op determinism a data set runs stateful ops
serially: on one core and without prefetch.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def require(
    condition: tf.Tensor, sentence: Sequence[str | tf.Tensor], value: tf.Tensor
) -> tf.Tensor:
    """Returns `value` (int64, any shape) if the bool scalar is true, or fails.

    If `condition` is false, a string-to-number op gets the message, made of strings and
    integer tensors; it fails with `tf.errors.InvalidArgumentError`, which quotes it.
    Use the returned value: it depends on that op, so TensorFlow cannot prune the check.
    """
    parts = [
        tf.strings.as_string(part) if isinstance(part, tf.Tensor) else part
        for part in sentence
    ]
    text = tf.where(condition, "0", tf.strings.join(parts))
    return value + tf.strings.to_number(text, tf.int64)
