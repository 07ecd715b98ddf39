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


def describe() -> dict[str, str]:
    """The versions that a run's numbers depend on, by package."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__}


__all__ = ["KERAS_MAJOR", "describe", "get_tf_variable", "keras"]
