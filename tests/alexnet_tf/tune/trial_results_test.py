"""Tests of `alexnet_tf.tune.trial_results`: results, table and best settings."""

from __future__ import annotations

import csv
import dataclasses
import sys

import pytest

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.tune import trial_results
from alexnet_tf.tune.trial_results import TrialResult
from tfrecords import errors

RESULTS = [
    TrialResult("0", "finished", {"batch_size": 64, "data.mirror": True}, 3, 0.5, 2, 7),
    TrialResult("1", "behind", {"batch_size": 32, "data.mirror": False}, 2, 0.25, 2, 5),
    TrialResult(
        "2", "not finite", {"batch_size": 8, "data.mirror": True}, 1, 1.0, 1, 1.5, "x"
    ),
    TrialResult(
        "3", "finished", {"batch_size": 16, "data.mirror": True}, 3, 0.25, 3, 8
    ),
]


@pytest.fixture
def tune_dir(tmp_path):
    (tmp_path / "trials").mkdir()
    for result in RESULTS[::-1]:
        trial_results.write(str(tmp_path), result)
    return str(tmp_path)


def test_results_are_read_as_written(tune_dir):
    assert trial_results.read_all(tune_dir) == RESULTS
    assert trial_results.read(tune_dir, "2") == RESULTS[2]
    assert trial_results.read(tune_dir, "4") is None


def test_a_run_beside_its_result_is_none(tune_dir, tmp_path):
    (tmp_path / "trials" / "4").mkdir()
    assert trial_results.read_all(tune_dir) == RESULTS


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"trial": "1"}', "\0"])
def test_a_damaged_result_is_reported(tune_dir, tmp_path, text):
    (tmp_path / "trials" / "1.json").write_text(text)
    with pytest.raises(errors.DataError, match=r"1\.json is damaged"):
        trial_results.read_all(tune_dir)


def test_the_best_is_the_first_of_the_smallest_that_count():
    assert trial_results.find_best(RESULTS) == RESULTS[1]
    assert trial_results.find_best(RESULTS[2:]) == RESULTS[3]
    # Not even where its error were the smallest.
    broken = dataclasses.replace(RESULTS[2], top1_error=0.0)
    assert trial_results.find_best([RESULTS[0], broken]) == RESULTS[0]
    assert trial_results.find_best([broken]) is None
    assert trial_results.find_best([]) is None


def test_the_best_settings_are_an_experiment(tune_dir, tmp_path):
    """Fixed and searched settings both, and none that a run may change."""
    config = overrides.override(
        experiments.get_config("sample"),
        {"model.width": 0.5, "num_epochs": 3, "devices": "CPU:0", "seed": 7},
    )
    trial_results.publish(tune_dir, config)
    found = experiments.get_config(str(tmp_path / "best.json"))
    assert found == overrides.override(
        experiments.get_config("sample"),
        {
            "experiment": "sample+best.json",
            "model.width": 0.5,
            "seed": 7,
            "batch_size": 32,
            "data.mirror": False,
        },
    )


def test_the_best_of_a_search_over_best_settings_starts_where_those_did(tune_dir):
    config = Config(experiment="sample+best.json", batch_size=7)
    content = trial_results.make_settings(config, RESULTS[0])
    assert content.experiment == "sample"
    assert "experiment" not in content.settings
    assert content.settings["batch_size"] == 64
    assert content.origin == {
        "trial": "0",
        "top1_error": 0.5,
        "best_epoch": 2,
        "epochs": 3,
    }


def test_without_a_result_that_counts_there_is_no_best(tmp_path):
    (tmp_path / "trials").mkdir()
    trial_results.write(str(tmp_path), RESULTS[2])
    trial_results.publish(str(tmp_path), Config())
    assert not (tmp_path / "best.json").exists()


def test_all_trials_are_in_the_file(tune_dir, tmp_path):
    assert trial_results.publish(tune_dir, Config()) == RESULTS
    with open(tmp_path / "trials.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert rows[1] == {
        "trial": "1",
        "status": "behind",
        "top1_error": "0.25",
        "best_epoch": "2",
        "epochs": "2",
        "seconds": "5",
        "batch_size": "32",
        "data.mirror": "False",
    }


def test_the_table_has_the_best_first_and_the_broken_last():
    lines = trial_results.format_table(RESULTS).splitlines()
    header = "trial status top1_error best_epoch epochs seconds batch_size mirror"
    assert lines[0].split() == header.split(" ")
    assert [line.split()[0] for line in lines[1:]] == ["1", "3", "0", "2"]
    assert lines[1].split() == ["1", "behind", "25.00%", "2", "2", "5", "32", "False"]
    assert len({len(line) for line in lines}) == 1
    assert trial_results.format_table([]).startswith("trial")


def test_a_search_is_not_done_while_others_train():
    result = trial_results.TrialResult("0", "finished", {}, 4, 0.25, 3, 9.0, "")
    still = "\n".join(trial_results.format_end([result], ["1", "2"], "D", "T"))
    assert "done" not in still and "others still train 1, 2" in still
    assert "25.00% (trial 0)" in still
    end = "\n".join(trial_results.format_end([result], [], "D", "T"))
    assert "done: 1 trial, " in end and "25.00% (trial 0): T/best.json" in end
    assert "others" not in end


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
