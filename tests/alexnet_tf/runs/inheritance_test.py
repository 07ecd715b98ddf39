"""Tests of `alexnet_tf.runs.inheritance`: the settings of fine-tuned networks."""

from __future__ import annotations

import json
import math
import shutil
import sys

import pytest

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.runs import inheritance, run_record, workdir
from alexnet_tf.training import train
from alexnet_tf.tune import trial_results
from alexnet_tf.weights import imported_run
from alexnet_tf.weights.mapping import Layout
from tests import data_directories, training_runs
from tests.alexnet_tf import foreign_weights
from tfrecords import errors

# Of Caffe's network; every one differs from the paper's.
CAFFE = {
    "data.crop_size": 227,
    "data.crop_positions": 30,
    "data.mean": "channel",
    "model.dropout_scaling": "training",
    "model.normalization_alpha": 2e-5,
    "model.normalization_bias": 1.0,
    "model.normalization_scope": "all",
    "model.width": 0.5,
}


def write_run(path, experiment="caffe", **values):
    """A run's record and nothing else."""
    config = overrides.override(experiments.get_config(experiment), values)
    info = run_record.RunInfo("data", "fingerprint", ["alexnet-train"], {})
    with workdir.open_workdir(str(path), config, info) as run:
        run.begin(0)
    return str(path)


@pytest.fixture
def source(tmp_path):
    return write_run(
        tmp_path / "caffe",
        **{"data.mean": "channel", "model.width": 0.5, "model.normalization": "banded"},
    )


def read(given, experiment="finetune", workdir_path=""):
    """What `setting_flags.read` does with the flags `given`."""
    config = overrides.override(experiments.get_config(experiment), given)
    chosen = {*given, *experiments.list_given(experiment)}
    return overrides.to_dict(inheritance.inherit(config, chosen, workdir_path))


def test_finetune_takes_the_networks_settings_of_its_source(source):
    before = overrides.to_dict(experiments.get_config("finetune"))
    found = read({"init_from": source})
    changed = {name: value for name, value in found.items() if value != before[name]}
    assert changed == {**CAFFE, "init_from": source}


@pytest.mark.parametrize("experiment", ["alexnet", "sample"])
def test_other_experiments_take_nothing(source, experiment):
    before = overrides.to_dict(experiments.get_config(experiment))
    assert read({"init_from": source}, experiment) == {**before, "init_from": source}


def test_without_a_source_there_is_nothing_to_take():
    assert read({}) == overrides.to_dict(experiments.get_config("finetune"))


def test_what_is_given_stays_even_where_it_is_the_default(source):
    given = {"model.dropout_scaling": "test", "data.mean": "same_crop"}
    found = read({"init_from": source, **given})
    assert {name: found[name] for name in CAFFE} == {**CAFFE, **given}


def test_crop_positions_go_with_the_size(source):
    found = read({"init_from": source, "data.crop_size": "224"})
    assert (found["data.crop_size"], found["data.crop_positions"]) == (224, 32)
    found = read({"init_from": source, "data.crop_positions": "1"})
    assert (found["data.crop_size"], found["data.crop_positions"]) == (227, 1)


def test_a_file_of_settings_counts_as_given(source, tmp_path):
    path = tmp_path / "best.json"
    content = {"model.dropout_scaling": "test", "init_from": source}
    path.write_text(json.dumps({"experiment": "finetune", "settings": content}))
    found = read({}, str(path))
    assert found["model.dropout_scaling"] == "test"
    assert found["model.normalization_scope"] == "all"


def test_a_searchs_best_settings_hold_all_that_could_be_inherited(source):
    given = {"init_from": source, "model.dropout_scaling": "test"}
    config = overrides.from_dict(read(given))
    result = trial_results.TrialResult(
        "0", trial_results.FINISHED, {"model.normalization_beta": 0.5}, 1, 0.5, 1, 1.0
    )
    best = trial_results.make_settings(config, result)
    # Given, and equal to the experiment's own value.
    assert best.settings["model.dropout_scaling"] == "test"
    assert best.settings["model.normalization_beta"] == 0.5
    assert best.settings["model.normalization_scope"] == "all"


@pytest.mark.parametrize("method, expected", [("banded", "auto"), ("none", "none")])
def test_of_the_normalization_only_its_absence_is_taken(tmp_path, method, expected):
    path = write_run(tmp_path / "run", **{"model.normalization": method})
    assert read({"init_from": path})["model.normalization"] == expected


def test_a_resumed_run_keeps_its_own_settings(source, tmp_path):
    first = read({"init_from": source}, workdir_path=str(tmp_path / "new"))
    values = {n: v for n, v in first.items() if n != "experiment"}
    own = write_run(tmp_path / "new", "finetune", **values)
    # The source has become another network, then has gone.
    shutil.rmtree(source)
    write_run(source, "alexnet")
    assert read({"init_from": source}, workdir_path=own) == first
    shutil.rmtree(source)
    assert read({"init_from": source}, workdir_path=own) == first
    with pytest.raises(errors.UserError, match="holds no run"):
        read({"init_from": source}, workdir_path=str(tmp_path / "another"))


def test_a_record_of_an_earlier_version_may_lack_a_setting(source):
    path = f"{source}/run.json"
    with open(path) as file:
        record = json.load(file)
    del record["config"]["model.dropout_scaling"]
    with open(path, "w") as file:
        json.dump(record, file)
    found = read({"init_from": source})
    assert found["model.dropout_scaling"] == "test"
    assert found["model.normalization_scope"] == "all"


def test_shared_and_differing_settings_are_named(source):
    old = run_record.read_record(source)["config"]
    given = {"init_from": source, "model.dropout_scaling": "test"}
    text = inheritance.describe_origin(old, overrides.from_dict(read(given)))
    shared, different = text.split("The weights were trained")
    assert "model.normalization_scope=all" in shared
    assert "dropout_scaling" not in shared
    assert different.endswith("give --config.model.dropout_scaling=training.")
    same = overrides.from_dict(read({"init_from": source}))
    assert "give" not in inheritance.describe_origin(old, same)


def test_a_network_without_normalization_is_another(source):
    old = {**run_record.read_record(source)["config"], "model.normalization": "none"}
    same = overrides.from_dict(read({"init_from": source}))
    text = inheritance.describe_origin(old, same)
    assert text.endswith("give --config.model.normalization=none.")


def test_an_imported_caffe_network_learns(tmp_path):
    weights, arrays = foreign_weights.make_weights(), {}
    # Of a size at which fc7's outputs are about 1 for pixels of +-128.
    scales = {"conv1": 1 / 64, "fc7": 1 / 8}
    for layer, (kernel, bias) in weights.items():
        arrays[f"{layer}.weight"] = kernel * scales.get(layer, 1)
        arrays[f"{layer}.bias"] = bias
    given = {"model.width": foreign_weights.WIDTH, "data.mean": "channel"}
    source = tmp_path / "caffe"
    imported_run.write_run(
        str(source),
        overrides.override(experiments.get_config("caffe"), given),
        data_directories.make_classes(foreign_weights.NUM_CLASSES),
        imported_run.make_statistics(imported_run.make_mean_image((122, 116, 104))),
        "bvlc.pt",
        arrays,
        Layout("oihw", "chw", "rgb"),
        ["import_weights.py"],
    )
    data = tmp_path / "data"
    data_directories.write_data_directory(
        data, num_classes=3, per_class={"train": 16, "validation": 4}
    )
    target = str(tmp_path / "tuned")
    flags = {
        "init_from": str(source),
        "num_epochs": 4,
        "batch_size": 8,
        "data.finish_on": "host",
        "model.normalization": "reference",
        "precision": "float32",
    }
    config = overrides.from_dict(read(flags, workdir_path=target))
    train.train_and_evaluate(config, str(data), target)
    (event,) = training_runs.read_metrics(target, "event")
    assert "give --config" not in event["text"]
    losses = [line["loss"] for line in training_runs.read_metrics(target, "validation")]
    assert losses[-1] < 0.9 * math.log(3)
    kept = {name: run_record.read_record(target)["config"][name] for name in CAFFE}
    assert kept == {**CAFFE, "model.width": foreign_weights.WIDTH}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
