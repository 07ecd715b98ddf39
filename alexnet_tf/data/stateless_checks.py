"""Checks in a data set's graph that do not slow it down.

An assertion of TensorFlow has a state, and under op determinism a data set calls what
has a state in turn with the training steps, on one core and without prefetching.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def require(
    condition: tf.Tensor, sentence: Sequence[str | tf.Tensor], value: tf.Tensor
) -> tf.Tensor:
    """Returns `value`, or fails with a sentence.

    No number can be read from the sentence, so that the operation which tries fails and
    quotes it. The result depends on that number, so that nothing drops the check. Use
    the result in place of `value`.

    Args:
      condition: bool scalar.
      sentence: its parts: text, and integer tensors to be shown in it.
      value: int64, of any shape.

    Raises:
      tf.errors.InvalidArgumentError: where `condition` is false.
    """
    parts = [
        tf.strings.as_string(part) if isinstance(part, tf.Tensor) else part
        for part in sentence
    ]
    text = tf.where(condition, "0", tf.strings.join(parts))
    return value + tf.strings.to_number(text, tf.int64)
