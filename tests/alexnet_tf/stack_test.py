"""What the stacks do differently, and that the rest of the code need not know."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf import layers, stack


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


def test_keras_computes_with_tensorflow():
    y = stack.keras.layers.Dense(1)(np.ones((1, 2), np.float32))
    assert isinstance(y, tf.Tensor)


@pytest.mark.skipif(stack.KERAS_MAJOR >= 3, reason="Keras 3 does not ask for names")
def test_variables_of_one_name_are_refused():
    """MultiOptimizer would update each of them twice."""
    variables = [tf.Variable([1.0], name="kernel") for _ in range(2)]
    optimizers = [stack.make_sgd(v, lambda: tf.constant(0.1), 0.9) for v in variables]
    with pytest.raises(ValueError, match="two variables of one name"):
        stack.combine(optimizers)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
