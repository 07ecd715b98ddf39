"""Tests of `alexnet_tf.training.finite`: alone, and through a run."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.network.parameters import KERNEL, Parameter
from alexnet_tf.optimization.loss_scale import LossScale
from alexnet_tf.training import finite
from alexnet_tf.training.steps import TrainResult
from tests import data_directories, training_runs
from tfrecords import errors


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class=6)
    return str(path)


def make_parameters(**values):
    """Parameters by name ("conv1a/kernel" as conv1a__kernel), in this order."""
    return [
        Parameter(
            name.replace("__", "/"),
            tf.Variable(tf.constant(value, tf.float32)),
            name.partition("_")[0].rstrip("ab"),
            KERNEL,
        )
        for name, value in values.items()
    ]


def check(
    loss, is_finite, precision="float32", scale=None, norms=(0.0,), parameters=None
):
    parameters = parameters or make_parameters(conv1a__kernel=[0.1])
    loss_scale = LossScale(precision)
    if not is_finite:
        loss_scale.update(tf.constant(False))
    if scale is not None:
        loss_scale.scale.assign(scale)
    result = TrainResult(
        tf.constant(loss), tf.constant(is_finite), tf.zeros(2), tf.constant(norms)
    )
    lines = []
    try:
        finite.check_step(
            result, loss_scale, parameters, 12, np.arange(20), 10, lines.append
        )
    except errors.NotFiniteError as error:
        error.layer = lines[0].pop("layer")
        assert lines == [
            {
                "step": 11,
                "kind": "not_finite",
                "text": str(error),
                "records": list(range(20)),
            }
        ]
        raise
    assert not lines


@pytest.mark.parametrize(
    "loss, is_finite, precision, scale, passes",
    [
        (2.0, True, "float32", None, True),
        (2.0, False, "float32", None, False),
        (math.nan, False, "float32", None, False),
        # A gradient that overflowed with the scale: it has been halved.
        (2.0, False, "mixed_float16", None, True),
        # A scale of 1 is the last one to try.
        (2.0, False, "mixed_float16", 1.0, True),
        (2.0, False, "mixed_float16", 0.5, False),
        # No scale makes a loss infinite.
        (math.inf, False, "mixed_float16", None, False),
    ],
)
def test_which_steps_pass(loss, is_finite, precision, scale, passes):
    if passes:
        check(loss, is_finite, precision, scale)
        return
    with pytest.raises(errors.NotFiniteError) as e:
        check(loss, is_finite, precision, scale)
    assert e.value.exit_code == 3
    assert "step 12 is not finite" in str(e.value)
    assert "records 0, 1, 2, 3, 4, 5, 6, 7, ... (20 in all)" in str(e.value)
    assert "checkpoint: ckpt-00000010." in str(e.value)


@pytest.mark.parametrize(
    "loss, weights, norms, layer, named, unnamed",
    [
        # Weights first: non-finite weights spoil everything computed with them.
        (math.nan, (1, [1, math.nan], math.inf), [math.nan] * 3, "fc6", "fc6b/", "fc8"),
        # The loss is finite: a gradient overflowed in the backward pass.
        (2.0, (1, 1, 1), [math.nan, math.inf, 3.0], "conv2", "conv2a/kernel", "fc8"),
        (2.0, (1, 1, 1), [1.0, math.inf, 3.0], "fc6", "fc6b/kernel", "conv2"),
        # Only the loss: every gradient is spoilt, and the largest weight is the clue.
        (math.inf, (1, -3e19, 1), [math.nan] * 3, "fc6", "3e+19", "conv2"),
        (math.nan, (2, 1, 1), [math.nan] * 3, "conv2", "conv2a/kernel", "fc6"),
    ],
)
def test_the_layer_is_named(loss, weights, norms, layer, named, unnamed):
    names = ("conv2a__kernel", "fc6b__kernel", "fc8__kernel")
    parameters = make_parameters(**dict(zip(names, weights, strict=True)))
    with pytest.raises(errors.NotFiniteError) as e:
        check(loss, False, norms=norms, parameters=parameters)
    assert e.value.layer == layer
    assert named in str(e.value) and unnamed not in str(e.value)


def test_arrays_are_named():
    good = {"weights/a": np.zeros(3, np.float32), "good_steps": np.array(2)}
    finite.check_arrays(good, 5, None)
    bad = {**good, "velocity/b": np.array([0, np.inf], np.float32)}
    with pytest.raises(errors.NotFiniteError) as e:
        finite.check_arrays(bad, 5, None)
    assert "velocity/b is not finite after step 5" in str(e.value)
    assert "checkpoint: none yet" in str(e.value)


def test_run_that_diverges_stops_and_leaves_its_checkpoint(tmp_path, data_dir):
    sane = {"num_epochs": 1}
    training_runs.run(data_dir, tmp_path, sane)
    before = training_runs.compute_digest(tmp_path)
    with pytest.raises(errors.NotFiniteError) as e:
        training_runs.run(
            data_dir, tmp_path, {"num_epochs": 3}, set_learning_rate="1e20"
        )
    assert e.value.exit_code == 3
    (line,) = training_runs.read_metrics(tmp_path, "not_finite")
    assert line["text"] == str(e.value) and len(line["records"]) == 5
    layers = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    assert line["layer"] in layers and line["layer"] in line["text"]
    # Setting the rate saved step 3 again, and no later step is worth keeping.
    last = training_runs.load_checkpoint(tmp_path)
    saved = f"ckpt-{last.step:08d}"
    assert f"The last good checkpoint: {saved}" in str(e.value)
    assert all(np.isfinite(array).all() for array in last.arrays.values())
    assert training_runs.load_checkpoint(tmp_path, 3).path.endswith("00000003")
    assert before != training_runs.compute_digest(tmp_path, 3)
    # Resuming from there with an absurd rate.
    if last.step == 3:
        state = training_runs.run(
            data_dir, tmp_path, {"num_epochs": 2}, set_learning_rate="0.001"
        )
        assert state.step == 5


@pytest.mark.filterwarnings("ignore:overflow")
def test_weights_beyond_float32_are_not_saved(tmp_path, data_dir):
    """The first update overflows them, with a finite loss and finite gradients."""
    values = {
        "num_epochs": 1,
        "optimizer.learning_rate": 1e38,
        "optimizer.rate_factors": "fc8=1e38",
    }
    with pytest.raises(errors.NotFiniteError, match="is not finite after step 1;"):
        training_runs.run(data_dir, tmp_path, values)
    with pytest.raises(errors.UserError, match="nothing was trained"):
        training_runs.load_checkpoint(tmp_path)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
