"""Tests of `alexnet_tf.training.checks`."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.training import checks
from tests import data_directories
from tfrecords import errors
from tfrecords.shards import manifest


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model.exchange_layers": "conv9"}, "exchange_layers.*conv9"),
        ({"model.initial_stddevs": "conv9=1"}, "initial_stddevs.*conv9"),
        ({"data.num_folds": 5, "data.fold": 5}, "fold is 5"),
    ],
)
def test_layers_and_folds_that_do_not_exist_are_refused(values, words):
    """Before a run's directory is made."""
    with pytest.raises(errors.UserError, match=words):
        checks.check_settings(overrides.override(Config(), values))


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"model.width": 0}, "model.width"),
        ({"model.initial_stddev": 0}, "model.initial_stddev"),
        ({"model.initial_stddev_conv345": 0}, "model.initial_stddev_conv345"),
        ({"model.normalization_bias": 0}, "model.normalization_bias"),
        ({"optimizer.learning_rate": 0}, "optimizer.learning_rate"),
        ({"optimizer.momentum": 1}, "optimizer.momentum"),
        (
            {"optimizer.name": "lookahead", "optimizer.lookahead_step_size": 0},
            "optimizer.lookahead_step_size",
        ),
        (
            {"optimizer.name": "lookahead", "optimizer.lookahead_step_size": 1.5},
            "optimizer.lookahead_step_size",
        ),
        ({"num_epochs": 0}, "num_epochs"),
        ({"schedule.warmup_epochs": 5}, "schedule.warmup_epochs"),
    ],
)
def test_numbers_that_teach_nothing_are_refused(values, name):
    with pytest.raises(
        errors.UserError, match=f"config.{name} .*{[*values.values()][-1]}"
    ):
        checks.check_settings(overrides.override(Config(), values))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"num_epochs": 0, "init_from": "a run"},
        {"model.normalization_bias": 0, "model.normalization": "none"},
        {"model.normalization_bias": 0, "model.normalization_beta": 0},
        {"optimizer.lookahead_step_size": 0},
        {"optimizer.momentum": 0, "optimizer.weight_decay": 0},
        {"model.dropout_rate": 0, "data.colour_shift_stddev": 0},
    ],
)
def test_numbers_with_a_meaning_pass(values):
    checks.check_settings(overrides.override(Config(), values))


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("finetune", "a trained network"),
        ("finetune+best.json", "a trained network"),
        ("conv6_fall2009", "a run of alexnet_source"),
        ("conv6_fall2011", "a run of conv6_fall2009"),
        ("conv6_source", "a run of conv6_fall2011"),
    ],
)
def test_what_starts_from_another_run_is_not_trained_from_scratch(name, start):
    config = dataclasses.replace(
        experiments.get_config(name.partition("+")[0]), experiment=name
    )
    with pytest.raises(errors.UserError, match=rf"{start}: .*--config\.init_from=RUN"):
        checks.check_settings(config)
    checks.check_settings(dataclasses.replace(config, init_from="a run"))


def make_manifest(num_train: int, num_classes: int = 2) -> manifest.Manifest:
    counts = (num_train, *[0] * (num_classes - 1))
    shard = manifest.ShardInfo("train-00000-of-00001", num_train, 10, "")
    return manifest.Manifest(
        source="drawn",
        image_size=256,
        encoding="jpeg",
        label_offset=0,
        records_dir=".",
        settings={},
        classes=data_directories.make_classes(num_classes),
        splits={"train": manifest.SplitInfo((shard,), counts)},
        rejects=(),
        inputs=(),
        checksums={},
    )


def test_a_batch_larger_than_the_training_split_is_refused():
    config = Config(batch_size=128)
    checks.check_data(config, make_manifest(128), "D")
    with pytest.raises(errors.UserError, match=r"128.* D .*127 images.*batch_size=127"):
        checks.check_data(config, make_manifest(127), "D")


def test_a_single_class_is_refused():
    with pytest.raises(errors.UserError, match=r"D .*class, 'n00000001'.*two"):
        checks.check_data(Config(), make_manifest(500, 1), "D")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
