"""Tests of `alexnet_tf.stack`: both stacks give the same results."""

import json
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.network import layers
from tests import processes


def test_describes_the_versions():
    versions = stack.describe()
    assert versions["tensorflow"] == tf.__version__
    assert versions["keras"].split(".")[0] == str(stack.KERAS_MAJOR)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_variable_behind_a_weight_is_float32_and_the_weight_itself(policy):
    layer = layers.Dense(2, 0.01, 0.0, (0, 0), dtype=policy)
    layer(np.ones((1, 3), np.float32))
    variable = stack.get_tf_variable(layer.kernel)
    assert isinstance(variable, tf.Variable)
    assert variable.dtype == tf.float32
    variable.assign(tf.fill([3, 2], 0.1))
    np.testing.assert_array_equal(layer.get_weights()[0], np.float32(0.1))


# Prints what the user's settings for other programs could change.
SHOW = """
from alexnet_tf import stack
from alexnet_tf.stack import keras
y = keras.layers.Conv2D(2, 1)(keras.Input((5, 6, 3)))
dtype = getattr(y.dtype, "name", y.dtype)
print(keras.backend.backend(), tuple(y.shape), dtype, keras.backend.epsilon())
"""
EXPECTED = ["tensorflow (None, 5, 6, 2) float32 1e-07"]


def test_settings_for_other_programs_change_nothing(tmp_path):
    folder = tmp_path / ".keras"
    folder.mkdir()
    settings = {
        "backend": "jax",
        "floatx": "float64",
        "epsilon": 0.5,
        "image_data_format": "channels_first",
    }
    (folder / "keras.json").write_text(json.dumps(settings))
    changes = {
        "HOME": str(tmp_path),
        "KERAS_BACKEND": "jax",
        "TF_USE_LEGACY_KERAS": "1",
    }
    result = processes.run_python("-c", SHOW, **changes)
    assert result.stdout.splitlines() == EXPECTED, result.stderr


def test_a_command_does_not_read_keras_settings(tmp_path):
    """Keras fails where it does not know a value, or may not read the file."""
    folder = tmp_path / ".keras"
    folder.mkdir()
    (folder / "keras.json").write_text('{"floatx": "bfloat16"}')
    body = textwrap.indent(SHOW, "    ")
    program = (
        "import os, sys\nimport alexnet_tf\n"
        "from tfrecords.console import command_line\n"
        f"def main():\n    command_line.quiet_tensorflow(){body}\n"
        "    import matplotlib\n    assert matplotlib.get_backend().lower() == 'agg'\n"
        "command_line.run(main, __name__, 'Shows.')\n"
    )
    changes = {"HOME": str(tmp_path), "KERAS_BACKEND": "torch", "MPLBACKEND": "nothing"}
    result = processes.run_python("-c", program, **changes)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == EXPECTED


def test_keras_computes_with_tensorflow():
    y = stack.keras.layers.Dense(1)(np.ones((1, 2), np.float32))
    assert isinstance(y, tf.Tensor)


@pytest.mark.skipif(stack.KERAS_MAJOR >= 3, reason="Keras 3 does not ask for names")
def test_variables_of_one_name_are_refused():
    """MultiOptimizer would update each of them twice."""
    variables = [tf.Variable([1.0], name="kernel") for _ in range(2)]
    optimizers = [stack.make_sgd(v, lambda: tf.constant(0.1), 0.9) for v in variables]
    with pytest.raises(ValueError, match="two variables have the same name"):
        stack.combine(optimizers)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
