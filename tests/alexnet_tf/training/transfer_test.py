"""Tests of `alexnet_tf.training.transfer`: the initial weights of a new run."""

from __future__ import annotations

import dataclasses
import shutil
import sys

import numpy as np
import pytest

from alexnet_tf.data import directory
from alexnet_tf.devices.placement import Placement
from alexnet_tf.runs import data_summary
from alexnet_tf.training import run_state, transfer
from tests import data_directories, training_runs
from tfrecords import errors
from tfrecords.shards import statistics

pytestmark = pytest.mark.whole_run

ONE_STEP = {"num_epochs": 1}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """`old` on `three` classes; `four` classes and `other` images of three."""
    path = tmp_path_factory.mktemp("runs")
    for name, num_classes, seed in (("three", 3, 0), ("four", 4, 1), ("other", 3, 2)):
        data_directories.write_data_directory(
            path / name, num_classes=num_classes, seed=seed
        )
    training_runs.run(path / "three", path / "old", ONE_STEP)
    return path


def train(runs, data, workdir, **values):
    """Trains from `old`, without a step unless told otherwise."""
    given = {"num_epochs": 0, "init_from": str(runs / "old"), **values}
    return training_runs.run(runs / data, workdir, given)


def read_weights(workdir):
    arrays = training_runs.load_checkpoint(workdir).arrays
    return {n: a for n, a in arrays.items() if n.startswith("weights/")}


def test_all_layers_but_a_last_one_of_other_classes_are_taken_over(runs, tmp_path):
    train(runs, "four", tmp_path)
    old, new = read_weights(runs / "old"), read_weights(tmp_path)
    assert old.keys() == new.keys()
    for name in old:
        if "fc8" in name:
            assert old[name].shape != new[name].shape
        else:
            np.testing.assert_array_equal(old[name], new[name])
    (event,) = training_runs.read_metrics(tmp_path, "event")
    assert event["text"].startswith(f"from {runs}/old, step 3: conv1a, conv1b, conv2a,")
    assert "fc7b; new: fc8 (kernel (122, 3) there, (122, 4) here)." in event["text"]


def test_the_same_classes_keep_their_last_layer(runs, tmp_path):
    train(runs, "other", tmp_path)
    old, new = read_weights(runs / "old"), read_weights(tmp_path)
    for name in old:
        np.testing.assert_array_equal(old[name], new[name])


def test_settings_that_change_what_the_weights_mean_are_named(runs, tmp_path):
    values = {
        "model.normalization_alpha": 2e-5,
        "model.conv1_normalized_before_relu": True,
        "data.mean": "centre_crop",
        # A factor on the outputs.
        "model.dropout_rate": 0.25,
        # These do not affect the weights' meaning.
        "model.initial_stddev": 0.02,
        "optimizer.learning_rate": 0.002,
    }
    train(runs, "other", tmp_path, **values)
    (event,) = training_runs.read_metrics(tmp_path, "event")
    assert event["text"].endswith(
        "give --config.data.mean=same_crop "
        "--config.model.conv1_normalized_before_relu=False "
        "--config.model.dropout_rate=0.5 "
        "--config.model.normalization_alpha=0.0001."
    )


def test_only_the_requested_layers_are_copied(runs, tmp_path):
    state = run_state.build_run_state(training_runs.make_config(), 3, Placement())
    fresh = {f"weights/{p.name}": p.variable for p in state.optimizer.parameters}
    old = read_weights(runs / "old")
    train(runs, "other", tmp_path / "new", init_layers="conv1 conv3")
    for name, array in read_weights(tmp_path / "new").items():
        taken = name.startswith(("weights/conv1", "weights/conv3"))
        np.testing.assert_array_equal(array, (old if taken else fresh)[name])
    (event,) = training_runs.read_metrics(tmp_path / "new", "event")
    assert event["text"].endswith(
        "step 3: conv1a, conv1b, conv3a, conv3b; new: conv2a, conv2b, conv4a, conv4b, "
        "conv5a, conv5b, fc6a, fc6b, fc7a, fc7b, fc8."
    )


def test_as_many_other_classes_do_not(runs, tmp_path):
    old = shutil.copytree(runs / "old", tmp_path / "old")
    path = old / "training_data" / "classes.json"
    path.write_text(path.read_text().replace("n00000001", "n00000009"))
    train(runs, "other", tmp_path / "new", init_from=str(old))
    (event,) = training_runs.read_metrics(tmp_path / "new", "event")
    assert "new: fc8 (other classes)." in event["text"]


def test_the_mean_is_the_one_trained_with_also_when_going_on(runs, tmp_path):
    old = shutil.copytree(runs / "old", tmp_path / "old")
    workdir = tmp_path / "new"
    train(runs, "other", workdir, num_epochs=1, init_from=str(old))
    expected = data_summary.load(str(old)).statistics
    own = statistics.read_statistics(str(runs / "other"))
    kept = data_summary.load(str(workdir)).statistics
    np.testing.assert_array_equal(kept.mean_image, expected.mean_image)
    assert not np.array_equal(kept.mean_image, own.mean_image)
    # Two epochs at once, and one after the other when the first run is gone.
    whole = tmp_path / "whole"
    train(runs, "other", whole, num_epochs=2, init_from=str(old))
    shutil.rmtree(old)
    train(runs, "other", workdir, num_epochs=2, init_from=str(old))
    assert training_runs.compute_digest(whole) == training_runs.compute_digest(workdir)


def test_frozen_layers_rest_and_factors_count(runs, tmp_path):
    """Against two steps by hand: the rate's factor is the update's."""
    train(
        runs,
        "other",
        tmp_path,
        num_epochs=2,
        **{
            "optimizer.rate_factors": "conv1=0",
            "schedule.frozen_until": "conv2=1",
        },
    )
    old = read_weights(runs / "old")
    first = training_runs.load_checkpoint(tmp_path, 2).arrays
    last = read_weights(tmp_path)
    for tower in "ab":
        one, two = (f"weights/conv{n}{tower}/kernel" for n in (1, 2))
        np.testing.assert_array_equal(old[one], last[one])
        np.testing.assert_array_equal(old[two], first[two])
        assert not np.array_equal(old[two], last[two])
    assert not np.array_equal(old["weights/fc8/bias"], first["weights/fc8/bias"])


@pytest.mark.parametrize(
    "values, facts",
    [
        ({"init_from": "nowhere"}, "nowhere holds no run"),
        ({"model.width": 0.04}, "width"),
        ({"optimizer.rate_factors": "fc9=1"}, "no layer 'fc9'"),
        ({"init_layers": "conv1;conv2"}, "no layer 'conv1;conv2'"),
    ],
)
def test_an_impossible_start_is_refused_and_leaves_nothing(
    runs, tmp_path, values, facts
):
    with pytest.raises(errors.UserError, match=facts):
        train(runs, "other", tmp_path, **values)
    assert list(tmp_path.iterdir()) == []


def test_another_image_size_is_refused(runs):
    config = training_runs.make_config()
    data = directory.open_data(str(runs / "other"), config)
    data.manifest = dataclasses.replace(data.manifest, image_size=8)
    config = dataclasses.replace(config, init_from=str(runs / "old"))
    with pytest.raises(errors.UserError, match=r"old .*256x256.* 8x8"):
        transfer.begin(
            config,
            "unused",
            [],
            data,
            False,
        )


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
