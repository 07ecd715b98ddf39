"""Tests of `alexnet_tf.network.tables`: widths, and a network of one tower at work."""

from __future__ import annotations

import dataclasses
import math
import sys

import numpy as np
import pytest

from alexnet_tf.config.schema import ModelConfig
from alexnet_tf.evaluation import evaluate
from alexnet_tf.export import saved_model
from alexnet_tf.inference import predict
from alexnet_tf.network import build
from alexnet_tf.runs import trained_network
from tests import data_directories, training_runs
from tfrecords import errors


def test_a_narrow_layer_begins_with_larger_weights():
    """At a quarter of the width a unit has a quarter of the inputs."""
    config = ModelConfig(width=0.25, initial_stddev_conv345=0.03)
    fixed = dataclasses.replace(config, initial_scaling="none")
    stddevs = {}
    for key, settings in (("inputs", config), ("none", fixed)):
        model = build.build_model(1000, settings)
        stddevs[key] = {
            layer.name: float(np.std(layer.get_weights()[0]))
            for layer in model.layers
            if layer.weights
        }
    for name, stddev in stddevs["none"].items():
        expected = 0.03 if name[:5] in ("conv3", "conv4", "conv5") else 0.01
        assert stddev == pytest.approx(expected, rel=0.05)
        factor = 1 if name.startswith("conv1") else 2
        assert stddevs["inputs"][name] == pytest.approx(factor * expected, rel=0.05)


def test_one_tower_is_trained_evaluated_exported_and_predicts(tmp_path):
    data_dir, run = str(tmp_path / "data"), str(tmp_path / "run")
    data_directories.write_data_directory(data_dir)
    values = {"model.network": "one_gpu", "num_epochs": 1}
    state = training_runs.run(data_dir, run, values)
    assert {p.name.partition("/")[0] for p in state.optimizer.parameters} == {
        *("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
    }
    checkpoint, result, _ = evaluate.evaluate_checkpoint(run, "last", "validation", 1)
    assert checkpoint.step == state.step and math.isfinite(result.counts.loss)
    made = saved_model.export(trained_network.load(run), str(tmp_path / "export"))
    image = data_directories.draw_image(0, 2, np.random.default_rng(0))
    answers = [
        predictor.compute(image[np.newaxis])
        for predictor in (
            predict.open_export(made.path, 1),
            predict.make_predictor(trained_network.load(run), 1),
        )
    ]
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)


def test_one_tower_has_one_device(tmp_path):
    data_dir = str(tmp_path / "data")
    data_directories.write_data_directory(data_dir)
    values = {"model.network": "one_gpu", "devices": "CPU:0,CPU:1"}
    with pytest.raises(errors.UserError, match="one tower"):
        training_runs.run(data_dir, str(tmp_path / "run"), values)
    assert not (tmp_path / "run").exists()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
