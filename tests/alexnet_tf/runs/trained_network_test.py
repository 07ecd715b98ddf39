"""Tests of `alexnet_tf.runs.trained_network`."""

from __future__ import annotations

import os
import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.runs import trained_network
from tests import data_directories, training_runs
from tfrecords import errors


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs")
    data_directories.write_data_directory(path / "data", num_classes=3)
    values = {"num_epochs": 1, "model.normalization": "auto"}
    training_runs.run(path / "data", path / "run", values)
    return str(path / "run")


@pytest.mark.parametrize("which, step", [("last", 3), (1, 1)])
def test_the_weights_are_the_checkpoints(workdir, which, step):
    network = trained_network.load(workdir, which)
    assert network.checkpoint.step == step
    assert len(network.training_data.classes) == 3
    for parameter in list_parameters(network.model):
        np.testing.assert_array_equal(
            parameter.variable.numpy(),
            network.checkpoint.arrays[f"weights/{parameter.name}"],
        )


def test_another_precision_changes_the_arithmetic_alone(workdir):
    network = trained_network.load(workdir, precision_policy="mixed_bfloat16")
    assert network.config.precision == "mixed_bfloat16"
    assert network.model.output.dtype == "bfloat16"
    assert trained_network.load(workdir).model.output.dtype == "float32"


def test_a_network_that_is_not_saved_normalizes_as_in_training(workdir):
    views = np.random.default_rng(0).normal(0, 60, (2, 67, 67, 3)).astype(np.float32)
    networks = [trained_network.load(workdir, fastest=f) for f in (False, True)]
    saved, fastest = (network.model(views).numpy() for network in networks)
    np.testing.assert_allclose(fastest, saved, rtol=1e-4, atol=1e-5)
    # The fused one makes a ReLU's gradient, too: its function is a partial.
    methods = [
        repr(network.model.get_layer("lrn1a")._normalize) for network in networks
    ]
    assert "normalize_banded" in methods[0]
    assert ("normalize_fused" in methods[1]) == stack.XLA_FUSES_LOOPS


def test_what_is_cast_is_the_network_not_its_checkpoint(workdir):
    network = trained_network.load(workdir, precision_policy="mixed_bfloat16")
    bias = list_parameters(network.model)[-1]
    bias.variable.assign(tf.ones_like(bias.variable))
    cast = list_parameters(trained_network.cast_weights(network).model)[-1]
    assert cast.name == bias.name and np.all(cast.variable.numpy() == 1)


def test_float32_is_not_cast(workdir):
    network = trained_network.load(workdir, precision_policy="float32")
    assert trained_network.cast_weights(network) is network


def test_the_fastest_network_names_its_weights_type(workdir):
    network = trained_network.load(
        workdir, precision_policy="mixed_bfloat16", fastest=True
    )
    assert network.config.precision == "bfloat16"
    kept = list_parameters(network.model)
    assert {p.variable.dtype.name for p in kept} == {"bfloat16"}


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_cast_weights_answer_with_the_same_bits(workdir, precision):
    network = trained_network.load(workdir, precision_policy=precision)
    cast = trained_network.cast_weights(network)
    policy = precision.removeprefix("mixed_")
    assert {p.variable.dtype.name for p in list_parameters(cast.model)} == {policy}
    assert cast.config == network.config
    views = np.random.default_rng(1).normal(0, 60, (2, 67, 67, 3)).astype(np.float32)
    expected = network.model(views).numpy()
    assert expected.dtype.name == policy and np.any(expected != expected[:, :1])
    np.testing.assert_array_equal(cast.model(views).numpy(), expected)


def test_a_missing_run_or_checkpoint_is_named(workdir, tmp_path):
    with pytest.raises(errors.UserError, match="holds no run"):
        trained_network.load(str(tmp_path))
    with pytest.raises(errors.UserError, match="no checkpoint of step 9"):
        trained_network.load(workdir, 9)
    copy = shutil.copytree(workdir, tmp_path / "copy")
    os.remove(copy / "training_data" / "statistics.npz")
    with pytest.raises(errors.DataError, match="is missing"):
        trained_network.load(str(copy))


def test_every_checkpoint_has_an_identity_of_its_own(workdir):
    found = [
        trained_network.compute_identity(trained_network.load(workdir, which))
        for which in ("last", 3, 1, 2)
    ]
    assert found[0] == found[1] and len(set(found)) == 3
    rounded = trained_network.load(workdir, precision_policy="mixed_bfloat16")
    assert trained_network.compute_identity(rounded) == found[0]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
