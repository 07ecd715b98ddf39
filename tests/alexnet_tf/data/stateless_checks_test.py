"""Tests of `alexnet_tf.data.stateless_checks`."""

import sys

import pytest
import tensorflow as tf

from alexnet_tf.data import stateless_checks


def check(number):
    sentence = ["no more than 5 are allowed, not ", number]
    return stateless_checks.require(number <= 5, sentence, number)


def test_a_value_passes_or_its_message_is_quoted():
    for call in (check, tf.function(check)):
        assert call(tf.constant(5, tf.int64)).numpy() == 5
        with pytest.raises(tf.errors.InvalidArgumentError, match="allowed, not 6"):
            call(tf.constant(6, tf.int64))


def test_it_checks_inside_a_data_set():
    dataset = tf.data.Dataset.range(4, 8).map(check, num_parallel_calls=2)
    iterator = iter(dataset)
    assert [next(iterator).numpy() for _ in range(2)] == [4, 5]
    with pytest.raises(tf.errors.InvalidArgumentError, match="allowed, not 6"):
        next(iterator)


def test_no_operation_has_a_state():
    spec = tf.TensorSpec([], tf.int64)
    graph = tf.function(check).get_concrete_function(spec).graph
    assert not [o.type for o in graph.get_operations() if o.op_def.is_stateful]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
