"""Tests of `tune.search`: the search around a training that follows a script.

The trainings themselves are tested in `train_test`, with real ones under a search in
`commands/tune_test`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
import socket
import sys
import threading
import time
import types

import pytest

from alexnet_tf import experiments
from alexnet_tf.runs import run_record, workdir
from alexnet_tf.training import train
from alexnet_tf.tune import search, trial_results
from alexnet_tf.tune.directory import Search
from alexnet_tf.tune.space import Range
from tests import data_directories, training_runs
from tfrecords import errors
from tfrecords.durable import locks

pytestmark = pytest.mark.whole_run

SPACE = (
    Range("optimizer.learning_rate", 1e-3, 1e-1, is_log=True),
    Range("model.normalization_radius", 1, 5),
)
CONFIG = training_runs.make_config({"num_epochs": 4})
SEARCH = Search("random", SPACE, CONFIG, 3, chance_epochs=2, median_epochs=2)


class Killed(BaseException):
    """What no handler catches, like the end of the process."""


class Script:
    """Stands in for `train_and_evaluate`: what each call is to measure, or raise.

    A call takes the next entry: errors by epoch, or (loss, error) pairs, or an
    exception to raise in place of the epoch.
    """

    def __init__(self):
        self.entries, self.calls, self.killed_after_watch = [], [], False

    def __call__(self, config, data_dir, path, command, watch):
        self.calls.append((os.path.basename(path), config))
        os.makedirs(path, exist_ok=True)
        metrics = pathlib.Path(path) / "metrics.jsonl"
        entries = self.entries.pop(0) if self.entries else [0.5] * config.num_epochs
        begun = metrics.read_text().count("validation") if metrics.exists() else 0
        for epoch, entry in enumerate(entries[: config.num_epochs], 1):
            if isinstance(entry, BaseException):
                raise entry
            if epoch <= begun:
                continue
            loss, error = entry if isinstance(entry, tuple) else (0.1, entry)
            with metrics.open("a") as file:
                for kind in ("epoch", "validation"):
                    line = {"step": epoch, "kind": kind, "epoch": epoch, "loss": loss}
                    file.write(json.dumps({**line, "top1_error": error}) + "\n")
            if watch(epoch, error):
                if self.killed_after_watch:
                    raise Killed
                break


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    # 2 sqrt(0.25 / 100) = 0.1: what is clearly behind a median of 0.5.
    counts = {"train": 3, "validation": 50, "test": 1}
    data_directories.write_data_directory(path, 2, counts, num_shards=1)
    return str(path)


@pytest.fixture
def script(monkeypatch):
    script = Script()
    monkeypatch.setattr(train, "train_and_evaluate", script)
    return script


def run(data_dir, tmp_path, **changes):
    changed = dataclasses.replace(SEARCH, **changes)
    return search.search(changed, data_dir, str(tmp_path / "T"))


def summarize(results):
    return [(r.trial, r.status, r.top1_error, r.best_epoch, r.epochs) for r in results]


def test_a_search_trains_judges_and_keeps_the_best(data_dir, tmp_path, script):
    script.entries = [[0.5, 0.4, 0.3, 0.4], [0.5, 0.2, 0.2, 0.3], [0.4] * 4]
    results = run(data_dir, tmp_path)
    assert summarize(results) == [
        ("0", "finished", 0.3, 3, 4),
        ("1", "finished", 0.2, 2, 4),
        ("2", "finished", 0.4, 1, 4),
    ]
    for result, (name, config) in zip(results, script.calls, strict=True):
        assert name == result.trial
        assert set(result.settings) == {entry.name for entry in SPACE}
        assert config == dataclasses.replace(
            CONFIG,
            optimizer=dataclasses.replace(
                CONFIG.optimizer,
                learning_rate=result.settings["optimizer.learning_rate"],
            ),
            model=dataclasses.replace(
                CONFIG.model,
                normalization_radius=result.settings["model.normalization_radius"],
            ),
        )
    best = experiments.get_config(str(tmp_path / "T" / "best.json"))
    assert best.optimizer == script.calls[1][1].optimizer
    assert best.model == script.calls[1][1].model
    assert (best.batch_size, best.num_epochs) == (CONFIG.batch_size, 90)
    assert len((tmp_path / "T" / "trials.csv").read_text().splitlines()) == 4
    rows = list((tmp_path / "T" / "trials").glob("*/tensorboard/*.hparams"))
    assert len(rows) == 3


def test_a_search_that_has_ended_trains_nothing_and_may_be_gone_on_with(
    data_dir, tmp_path, script
):
    first = run(data_dir, tmp_path)
    assert run(data_dir, tmp_path) == first
    assert len(script.calls) == 3
    more = run(data_dir, tmp_path, max_trials=4)
    assert more[:3] == first
    assert [name for name, _ in script.calls] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("error", [errors.Interrupted("stopped", 15), Killed()])
def test_a_stopped_search_goes_on_with_the_trial_under_way(
    data_dir, tmp_path, script, error
):
    script.entries = [[0.3] * 4, [0.2, error]]
    with pytest.raises(type(error)):
        run(data_dir, tmp_path)
    assert trial_results.read(str(tmp_path / "T"), "1") is None
    script.entries = [[0.2, 0.1, 0.1, 0.1]]
    results = run(data_dir, tmp_path)
    assert [name for name, _ in script.calls] == ["0", "1", "1", "2"]
    assert script.calls[1] == script.calls[2]
    assert summarize(results)[1] == ("1", "finished", 0.1, 2, 4)


def test_a_trial_that_is_not_finite_does_not_end_the_search(data_dir, tmp_path, script):
    broken = [
        [0.1, errors.NotFiniteError("the loss of step 7 is not finite")],
        [errors.DeviceMemoryError("a device has too little memory")],
    ]
    # Four in a row: more than KerasTuner lets pass as failed.
    script.entries = [*broken, *broken, [0.5] * 4]
    results = run(data_dir, tmp_path, max_trials=5)
    assert summarize(results)[:2] == [
        ("0", "not finite", 1.0, 1, 1),
        ("1", "no memory", 1.0, 0, 0),
    ]
    assert "step 7" in results[0].text
    assert trial_results.find_best(results).trial == "4"


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("a bug"), errors.StorageError("the disk is full")]
)
def test_other_errors_end_the_search(data_dir, tmp_path, script, error):
    script.entries = [[0.5, error]]
    with pytest.raises(type(error), match=str(error)):
        run(data_dir, tmp_path)
    assert len(script.calls) == 1


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_trial_behind_the_median_is_given_up_for_good(
    data_dir, tmp_path, script, is_killed
):
    script.entries = [[0.5] * 4] * 3 + [[0.9, 0.61, 0.1, 0.1]]
    script.killed_after_watch = is_killed
    if is_killed:
        with pytest.raises(Killed):
            run(data_dir, tmp_path, max_trials=4)
    results = run(data_dir, tmp_path, max_trials=4)
    assert len(script.calls) == 4
    assert summarize(results)[3] == ("3", "behind", 0.61, 2, 2)
    assert "median of 3 other trials 50.00%" in results[3].text


def test_a_trial_at_chance_is_given_up(data_dir, tmp_path, script):
    script.entries = [[(0.69, 0.5)] * 4]
    results = run(data_dir, tmp_path, max_trials=1)
    assert summarize(results) == [("0", "at chance", 0.5, 1, 2)]


def test_hyperband_trains_a_copy_of_the_best_run_on(data_dir, tmp_path, script):
    """5 trials of 2 epochs; the two best continue to 4; then 3 new ones of 4."""
    first = [[0.5] * 4, [0.4, 0.3, 0.2, 0.2], [0.6] * 4, [0.7] * 4, [0.8] * 4]
    script.entries = [*first, [0, 0, 0.2, 0.1]]
    results = run(
        data_dir, tmp_path, strategy="hyperband", max_trials=None, median_epochs=0
    )
    lengths = [config.num_epochs for _, config in script.calls]
    assert lengths == [2] * 5 + [4] * 5
    # Epochs 1 and 2 are those of the second trial, not the script's zeros.
    assert summarize(results)[5][1:] == ("finished", 0.1, 4, 4)
    assert results[5].settings == results[1].settings
    assert [result.epochs for result in results] == lengths
    metrics = tmp_path / "T" / "trials" / results[1].trial / "metrics.jsonl"
    assert metrics.read_text().count("validation") == 2


def test_another_search_is_refused(data_dir, tmp_path, script):
    run(data_dir, tmp_path)
    with pytest.raises(errors.UserError, match="seed: 0 there, 1 now"):
        run(data_dir, tmp_path, seed=1)
    assert len(script.calls) == 3


def test_one_process_decides(data_dir, tmp_path, script):
    (tmp_path / "T").mkdir()
    with (
        locks.directory_lock(str(tmp_path / "T"), "alexnet-tune"),
        pytest.raises(errors.InUseError, match="in use by alexnet-tune"),
    ):
        run(data_dir, tmp_path)


def test_data_without_validation_is_refused(tmp_path, script):
    data_directories.write_data_directory(
        tmp_path / "data", 2, {"train": 1}, num_shards=1
    )
    with pytest.raises(errors.UserError, match="no validation split"):
        run(str(tmp_path / "data"), tmp_path)
    assert not (tmp_path / "T").exists()


@pytest.mark.parametrize("missing", ["KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_PORT"])
def test_a_missing_variable_of_a_shared_search_is_named(
    data_dir, tmp_path, script, monkeypatch, missing
):
    set_variables(monkeypatch, "worker0", 1)
    monkeypatch.delenv(missing)
    with pytest.raises(errors.UserError, match=f"{missing} is not"):
        run(data_dir, tmp_path)


def set_variables(monkeypatch, name, port):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", name)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(port))


def find_free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_a_chief_whose_port_is_taken_says_so(data_dir, tmp_path, script, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        set_variables(monkeypatch, "chief", taken.getsockname()[1])
        with pytest.raises(errors.UserError, match=r"cannot listen at 127\.0\.0\.1:"):
            run(data_dir, tmp_path)


def test_a_worker_trains_what_its_chief_says(data_dir, tmp_path, script, monkeypatch):
    """KerasTuner's own protocol; the trials are those of one process alone."""
    alone = run(data_dir, tmp_path / "alone")
    calls, script.calls = script.calls, []
    port, found = find_free_port(), []
    set_variables(monkeypatch, "chief", port)
    chief = threading.Thread(
        target=lambda: found.append(run(data_dir, tmp_path)), daemon=True
    )
    chief.start()
    while chief.is_alive():
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    # The chief has read its own by now.
    set_variables(monkeypatch, "worker0", port)
    results = run(data_dir, tmp_path)
    chief.join(timeout=60)
    assert script.calls == calls
    assert summarize(results) == summarize(alone)
    assert summarize(found[0]) == summarize(alone)
    # Without both variables it resumes as a search of one process.
    for name in ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"):
        monkeypatch.delenv(name)
    assert run(data_dir, tmp_path) == results
    assert script.calls == calls


def test_trials_of_other_workers_are_known_to_be_training(data_dir, tmp_path, script):
    tune_dir = tmp_path / "T"
    assert search.list_training(str(tune_dir)) == []
    run(data_dir, tmp_path)
    assert search.list_training(str(tune_dir)) == []
    # KerasTuner's chief writes this when it gives a trial to a worker.
    shutil.copytree(
        tune_dir / "keras_tuner" / "trial_1", tune_dir / "keras_tuner/trial_8"
    )
    assert search.list_training(str(tune_dir)) == ["8"]


def test_trials_compute_as_the_first_one_does(tmp_path):
    tuner = types.SimpleNamespace(_tune_dir=str(tmp_path))
    (tmp_path / "trials" / "0").mkdir(parents=True)
    assert search._Tuner._find_precision(tuner) is None
    config = training_runs.make_config({"precision": "mixed_bfloat16"})
    info = run_record.RunInfo("data", "abc", ["alexnet-tune"], {})
    path = str(tmp_path / "trials" / "1")
    with workdir.open_workdir(path, config, info) as run:
        run.begin(0)
    assert search._Tuner._find_precision(tuner) == "mixed_bfloat16"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
