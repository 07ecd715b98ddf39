"""Tests of `alexnet_tf.tune.hparams`: TensorBoard's HParams page lists every trial."""

from __future__ import annotations

import os
import sys

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import metadata

from alexnet_tf.tune import hparams
from alexnet_tf.tune.space import Range
from alexnet_tf.tune.trial_results import TrialResult

SPACE = (
    Range("model.normalization_radius", 1, 5),
    Range("optimizer.learning_rate", 1e-3, 1e-1, is_log=True),
    Range("data.mirror", values=(True, False)),
    Range("batch_size", values=(32, 64)),
    Range("model.activation", values=("relu", "tanh")),
)
RESULT = TrialResult(
    "7",
    "finished",
    {
        "model.normalization_radius": 3,
        "optimizer.learning_rate": 0.015625,
        "data.mirror": False,
        "batch_size": 64,
        "model.activation": "tanh",
    },
    4,
    0.25,
    3,
    1.0,
)


def load(directory):
    events = event_accumulator.EventAccumulator(str(directory))
    events.Reload()
    return events


def read_content(events, tag):
    return events.SummaryMetadata(tag).plugin_data.content


def test_the_page_knows_every_setting_and_its_range(tmp_path):
    hparams.describe_search(str(tmp_path), SPACE)
    # A resumed search writes it once.
    hparams.describe_search(str(tmp_path), SPACE)
    assert len(os.listdir(tmp_path / "hparams")) == 1
    content = read_content(load(tmp_path / "hparams"), metadata.EXPERIMENT_TAG)
    experiment = metadata.parse_experiment_plugin_data(content)
    infos = {info.name: info for info in experiment.hparam_infos}
    names = [entry.name for entry in SPACE if entry.name != "optimizer.learning_rate"]
    assert list(infos) == ["optimizer.learning_rate", *names]
    rate = infos["optimizer.learning_rate"].domain_interval
    assert (rate.min_value, rate.max_value) == (1e-3, 1e-1)
    sizes = infos["batch_size"].domain_discrete
    assert [value.number_value for value in sizes.values] == [32, 64]
    tags = [info.name.tag for info in experiment.metric_infos]
    assert tags == ["best_top1_error", "best_epoch"]


def test_a_trial_is_a_row_beside_its_curves(tmp_path):
    for _ in range(2):
        hparams.write_trial(str(tmp_path), RESULT)
    directory = tmp_path / "tensorboard"
    assert len(os.listdir(directory)) == 1
    events = load(directory)
    content = read_content(events, metadata.SESSION_START_INFO_TAG)
    session = metadata.parse_session_start_info_plugin_data(content)
    assert session.group_name == "7"
    found = {
        name: getattr(value, value.WhichOneof("kind"))
        for name, value in session.hparams.items()
    }
    assert found == RESULT.settings
    for tag, expected in (("best_top1_error", 0.25), ("best_epoch", 3)):
        (event,) = events.Tensors(tag)
        assert event.step == 4
        assert tf.make_ndarray(event.tensor_proto) == expected


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
