"""Tests of `training.run_state`: what a checkpoint holds, and what it refuses."""

from __future__ import annotations

import functools
import json
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.devices import placement
from alexnet_tf.evaluation.metrics import ErrorCounts
from alexnet_tf.network.parameters import assign_arrays, load_weights
from alexnet_tf.runs import checkpoint
from alexnet_tf.training import run_state
from tests import training_runs
from tfrecords import errors

CONFIG = training_runs.make_config({"precision": "mixed_float16"})


def build(config=CONFIG, num_classes=3):
    where = placement.make_placement(config.devices)
    return run_state.build_run_state(config, num_classes, where)


def fill(state):
    """Gives every part of the state a distinct value."""
    for number, variable in enumerate(state.get_variables().values()):
        values = np.arange(np.prod(variable.shape)).reshape(variable.shape) + number
        variable.assign(values.astype(variable.dtype.as_numpy_dtype))
    state.schedule.record_validation(1, 0.25)
    state.schedule.set_rate(0.125, "conv1", epoch=1)
    state.epoch_counts.add(5, 4, 3, 2.5)
    state.log_counts.add(2, 1, 0, 0.1)
    state.unevaluated_epoch = 7
    state.best_top1_error, state.best_step = 0.25, 9
    state.step = 11


def save(state, directory):
    checkpoint.save(
        str(directory),
        state.step,
        state.to_arrays(),
        state.to_json(),
        keep=3,
        best_step=state.best_step,
    )
    return checkpoint.load(str(directory), "last")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    state = build()
    fill(state)
    return state, save(state, tmp_path_factory.mktemp("checkpoints"))


def test_a_checkpoint_holds_everything_that_a_step_changes():
    state = build()
    names = set(state.get_variables())
    parameters = {parameter.name for parameter in state.optimizer.parameters}
    # Two towers of eight layers less the shared fc8, each with kernel and bias.
    assert len(parameters) == 30
    dropouts = {layer.name for layer in state.model.layers if "drop" in layer.name}
    assert len(dropouts) == 4
    assert names == (
        {f"weights/{name}" for name in parameters}
        | {f"velocity/{name}" for name in parameters}
        | {f"dropout/{name}/draws" for name in dropouts}
        | {"loss_scale/scale", "loss_scale/good_steps"}
    )
    # The weights alone are what Keras calls variables, beside the draws.
    assert len(state.model.trainable_variables) == 30


def test_the_state_returns_whole(filled):
    state, saved = filled
    fresh = build()
    fresh.restore(saved)
    for name, variable in state.get_variables().items():
        restored = fresh.get_variables()[name]
        np.testing.assert_array_equal(restored.numpy(), variable.numpy(), name)
    assert json.dumps(fresh.to_json()) == json.dumps(state.to_json())
    assert (fresh.step, fresh.best_step, fresh.saved_step) == (11, 9, 11)
    assert fresh.epoch_counts == ErrorCounts(5, 4, 3, 2.5)
    assert fresh.log_counts == ErrorCounts(2, 1, 0, 0.1)
    assert fresh.unevaluated_epoch == 7 and fresh.best_top1_error == 0.25


def test_evaluation_takes_the_weights_alone(filled):
    state, saved = filled
    fresh = build()
    velocity = [v.numpy() for v in fresh.optimizer.velocities]
    load_weights(fresh.model, saved.arrays, saved.path)
    for before, after in zip(
        state.optimizer.parameters, fresh.optimizer.parameters, strict=True
    ):
        np.testing.assert_array_equal(before.variable, after.variable)
    for before, after in zip(velocity, fresh.optimizer.velocities, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    "values, num_classes, facts",
    [
        ({}, 4, r"weights/fc8/bias is float32 \(3,\) .*float32 \(4,\)"),
        ({"model.width": 0.06}, 3, "and 5[0-9] more"),
    ],
)
def test_another_network_is_refused_before_anything_is_assigned(
    filled, values, num_classes, facts
):
    other = build(training_runs.make_config(values), num_classes)
    before = other.to_arrays()
    load = functools.partial(load_weights, other.model)
    for restore in (other.restore, lambda c: load(c.arrays, c.path)):
        with pytest.raises(errors.DataError, match="belongs to another network"):
            restore(filled[1])
    with pytest.raises(errors.DataError) as e:
        other.restore(filled[1])
    complaint = str(e.value)
    assert num_classes == 3 or "float32 (4,)" in complaint
    for name, array in other.to_arrays().items():
        np.testing.assert_array_equal(array, before[name], name)


def test_missing_left_over_and_misshapen_arrays_are_named():
    state = build()
    variables, arrays = state.get_variables(), state.to_arrays()
    del arrays["velocity/fc8/bias"]
    arrays["weights/fc9/bias"] = np.zeros(3, np.float32)
    arrays["weights/fc8/bias"] = np.zeros(3, np.float64)
    with pytest.raises(errors.DataError) as e:
        assign_arrays(variables, arrays, "there")
    for part in (
        "there belongs to another network",
        "it lacks velocity/fc8/bias",
        "weights/fc9/bias is unknown",
        "weights/fc8/bias is float64 (3,) instead of float32 (3,)",
    ):
        assert part in str(e.value)


@pytest.mark.parametrize("builder", ["build.build_model", "make_optimizer"])
def test_too_little_memory_for_network_or_optimizer_is_reported(monkeypatch, builder):
    def fail(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(f"alexnet_tf.training.run_state.{builder}", fail)
    with pytest.raises(
        errors.DeviceMemoryError, match=r"config\.model\.width"
    ) as raised:
        build()
    assert raised.value.exit_code == 2


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
