"""Tests of `alexnet_tf.tune.oracles`: what is tried next, also after a kill."""

from __future__ import annotations

import dataclasses
import json
import os
import sys

import pytest

from alexnet_tf.config.schema import Config
from alexnet_tf.tune import oracles, space
from alexnet_tf.tune.directory import Search
from alexnet_tf.tune.space import Range
from tfrecords.durable import files

SPACE = (
    Range("model.normalization_radius", 1, 5),
    Range("optimizer.learning_rate", 1e-4, 1e-1, is_log=True),
    Range("model.width", values=(0.25, 0.5)),
)
SEARCH = Search("random", SPACE, Config(num_epochs=9), 6)


def make(path, **changes):
    oracle, planned = oracles.make_oracle(dataclasses.replace(SEARCH, **changes))
    oracle._set_project_dir(str(path), "keras_tuner")
    return oracle, planned


def reload(path, **changes):
    oracle, _ = make(path, **changes)
    oracle.reload()
    return oracle


def end(oracle, trial, error=0.5):
    oracle.update_trial(trial.trial_id, {"top1_error": error})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    oracle.save()


def draw(oracle, count):
    drawn = []
    for _ in range(count):
        trial = oracle.create_trial("tuner0")
        drawn.append((trial.trial_id, dict(trial.hyperparameters.values)))
        end(oracle, trial)
    return drawn


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return draw(make(tmp_path_factory.mktemp("whole"))[0], 6)


def test_values_lie_in_their_ranges(whole):
    for _, chosen in whole:
        values = space.make_values(SPACE, chosen)
        assert values["model.normalization_radius"] in (1, 2, 3, 4, 5)
        assert 1e-4 <= values["optimizer.learning_rate"] <= 1e-1
        assert values["model.width"] in (0.25, 0.5)
    assert len({json.dumps(chosen) for _, chosen in whole}) == 6


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_decides(tmp_path, whole, seed):
    """Also seed 0, which KerasTuner would take for none."""
    drawn = draw(make(tmp_path, seed=seed)[0], 6)
    assert (drawn == whole) == (seed == 0)


def test_at_max_trials_it_ends_and_more_go_on(tmp_path, whole):
    oracle, planned = make(tmp_path, max_trials=2)
    assert planned == 2
    draw(oracle, 2)
    assert oracle.create_trial("tuner0").status == "STOPPED"
    oracle = reload(tmp_path, max_trials=3)
    assert oracle.create_trial("tuner0").hyperparameters.values == whole[2][1]


def test_the_trial_under_way_is_the_next_one(tmp_path, whole):
    oracle, _ = make(tmp_path)
    draw(oracle, 2)
    oracle.create_trial("tuner0")
    oracle = reload(tmp_path)
    assert draw(oracle, 4) == whole[2:]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("nth", range(1, 11))
def test_a_kill_between_any_two_writes_changes_nothing(
    tmp_path, whole, monkeypatch, nth
):
    """Three trials are written in ten files or so; each may be the last one."""
    write_json, count = files.write_json, 0

    def write_and_die(path, value):
        nonlocal count
        count += 1
        if count == nth:
            raise Killed
        write_json(path, value)

    monkeypatch.setattr(files, "write_json", write_and_die)
    oracle, _ = make(tmp_path)
    with pytest.raises(Killed):
        draw(oracle, 3)
    monkeypatch.undo()
    oracle, _ = make(tmp_path)
    if os.path.exists(tmp_path / "keras_tuner" / "oracle.json"):
        oracle.reload()
    ended = {trial_id for trial_id in oracle.end_order}
    drawn = draw(oracle, 6 - len(ended))
    assert drawn == [trial for trial in whole if trial[0] not in ended]
    assert oracle.create_trial("tuner0").status == "STOPPED"


def test_several_trials_under_way_are_all_taken_up(tmp_path):
    oracle, _ = make(tmp_path)
    for worker in ("a", "b", "c"):
        oracle.create_trial(worker)
    oracle = reload(tmp_path)
    assert [oracle.create_trial(name).trial_id for name in "abc"] == ["0", "1", "2"]


def test_hyperband_trains_the_best_on(tmp_path):
    """Up to 9 epochs in factors of 3 (Li et al. 2018, KerasTuner's sizes):

    9 trials of 1 epoch, of which 3 continue to 3, of which 1 continues to 9; 5 of 3, of
    which 2 continue to 9; 3 of 9.
    """
    oracle, planned = make(tmp_path, strategy="hyperband", max_trials=None)
    errors_by_trial, rounds = {}, []
    while (trial := oracle.create_trial("tuner0")).status != "STOPPED":
        values = trial.hyperparameters.values
        rounds.append(values["tuner/epochs"])
        if values["tuner/initial_epoch"]:
            past = values["tuner/trial_id"]
            former = errors_by_trial.pop(past)
            # The best of those of its length that have not been trained on.
            peers = [e for e, n in errors_by_trial.values() if n == former[1]]
            assert all(former[0] <= error for error in peers)
        error = 1 / (2 + len(rounds))
        errors_by_trial[trial.trial_id] = (error, values["tuner/epochs"])
        end(oracle, trial, error)
    assert planned == len(rounds) == 23
    assert [rounds.count(epochs) for epochs in (1, 3, 9)] == [9, 8, 6]


def test_hyperband_may_be_ended_early(tmp_path):
    oracle, planned = make(tmp_path, strategy="hyperband", max_trials=2)
    assert planned == 2
    draw(oracle, 2)
    assert oracle.create_trial("tuner0").status == "STOPPED"


def test_bayesian_tries_what_promises_most(tmp_path):
    pytest.importorskip("sklearn")
    oracle, _ = make(tmp_path, strategy="bayesian", max_trials=20)
    rates = []
    for _ in range(20):
        trial = oracle.create_trial("tuner0")
        values = space.make_values(SPACE, trial.hyperparameters.values)
        rates.append(values["optimizer.learning_rate"])
        end(oracle, trial, 0.2 if values["optimizer.learning_rate"] > 0.03 else 0.9)
    first, last = rates[:9], rates[-6:]
    assert sum(r > 0.03 for r in last) / 6 > sum(r > 0.03 for r in first) / 9


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
