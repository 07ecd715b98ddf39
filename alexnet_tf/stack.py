"""What differs between the two stacks, and nothing else.

The default stack is TensorFlow 2.21 with Keras 3; the extra `addons` brings
TensorFlow 2.15 with Keras 2 and TensorFlow Addons. Everything else in the package is
the same code for both and takes `keras` from here.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import tensorflow as tf

KERAS_MAJOR = int(keras.__version__.split(".")[0])


def get_tf_variable(variable: Any) -> tf.Variable:
    """The `tf.Variable` behind a Keras weight.

    Keras 3 wraps it in a class of its own; Keras 2 does so only under a mixed
    precision policy, to cast it where it is read.
    """
    if KERAS_MAJOR >= 3:
        return variable.value
    return getattr(variable, "_variable", variable)


def compute_power(x: Any, exponent: float) -> Any:
    """A symbolic tensor to a power, as a layer that Keras loads in safe mode.

    Keras 3 records its own operations in a functional model, Keras 2 TensorFlow's. (A
    Lambda would hold code.)

    Args:
      x: a Keras tensor of positive values.
      exponent: 0.5 and -0.5 are square roots, which other formats know better.
    """
    if KERAS_MAJOR >= 3:
        operations = {0.5: keras.ops.sqrt, -0.5: keras.ops.rsqrt}
        power = keras.ops.power
    else:
        operations = {0.5: tf.math.sqrt, -0.5: tf.math.rsqrt}
        power = tf.math.pow
    operation = operations.get(exponent)
    return operation(x) if operation else power(x, exponent)


def describe() -> dict[str, str]:
    """The versions that a run's numbers depend on, by package."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__}


__all__ = ["KERAS_MAJOR", "compute_power", "describe", "get_tf_variable", "keras"]
