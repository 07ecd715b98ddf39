"""Tests of `training.train`: stopped anywhere, a run goes on as the same run."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import sys
import types

import numpy as np
import pytest

from alexnet_tf.evaluation import evaluate
from alexnet_tf.runs import run_record, workdir
from alexnet_tf.training import reporting, run_state, saver
from tests import data_directories, training_runs
from tfrecords import errors

# 12 images in batches of 5: epochs end after the steps 3, 5, 8, 10 and 12. No error
# can fall by 1, so that the rate falls at the end of epochs 2, 3 and 4 and the run
# ends with epoch 5, far from the twenty.
PLATEAU = {
    "num_epochs": 20,
    "schedule.patience_epochs": 1,
    "schedule.min_improvement": 1,
}
LAST_STEP = 12


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class=6)
    return str(path)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory, data_dir):
    path = tmp_path_factory.mktemp("whole") / "run"
    training_runs.run(data_dir, path, PLATEAU)
    return str(path)


def assert_same_run(path, whole_run, from_step=LAST_STEP):
    for step in range(from_step, LAST_STEP + 1):
        assert training_runs.compute_digest(path, step) == training_runs.compute_digest(
            whole_run, step
        ), f"step {step}"
    assert training_runs.read_metrics(path) == training_runs.read_metrics(whole_run)


def test_plateaus_divide_the_rate_three_times_and_end_the_run(whole_run):
    assert training_runs.load_checkpoint(whole_run).step == LAST_STEP
    rates = {
        line["step"]: line["learning_rates"]["conv1/kernel"]
        for line in training_runs.read_metrics(whole_run, "train")
    }
    expected = {2: 0.01, 4: 0.01, 6: 1e-3, 8: 1e-3, 10: 1e-4, 12: 1e-5}
    assert rates == pytest.approx(expected)
    events = [
        (line["step"], line["text"])
        for line in training_runs.read_metrics(whole_run, "event")
        if "not improved" in line["text"]
    ]
    assert [step for step, _ in events] == [5, 8, 10, 12]
    assert "falls to 0.001 (drop 1 of 3)" in events[0][1]
    assert "the run has finished" in events[3][1]


def test_who_watches_may_end_the_run(tmp_path, data_dir):
    """Told every evaluation before its checkpoint; the first sentence is the last."""
    path, seen = tmp_path / "run", []

    def watch(epoch, top1_error):
        saved = path / "checkpoints" / f"ckpt-{(3, 5)[epoch - 1]:08d}"
        seen.append((epoch, top1_error, saved.exists()))
        return "given up by hand" if epoch == 2 else None

    values = {"num_epochs": 20, "checkpoint_every_minutes": 15}
    state = training_runs.run(data_dir, path, values, watch=watch)
    lines = training_runs.read_metrics(path, "validation")
    errors_seen = [line["top1_error"] for line in lines]
    assert seen == [(1, errors_seen[0], False), (2, errors_seen[1], False)]
    assert state.step == training_runs.load_checkpoint(path).step == 5
    event = training_runs.read_metrics(path, "event")[-1]
    assert (event["step"], event["text"]) == (5, "given up by hand")


@pytest.mark.whole_run
def test_crops_finished_on_the_device_train_alike(tmp_path, data_dir, whole_run):
    path = tmp_path / "run"
    training_runs.run(data_dir, path, {**PLATEAU, "data.finish_on": "device"})
    for line, expected in zip(
        training_runs.read_metrics(path, "train"),
        training_runs.read_metrics(whole_run, "train"),
        strict=True,
    ):
        assert line["loss"] == pytest.approx(expected["loss"], rel=1e-4)


def test_every_epoch_is_evaluated_and_every_image_counted(whole_run):
    lines = training_runs.read_metrics(whole_run, "validation")
    assert [(line["step"], line["epoch"]) for line in lines] == [
        (3, 1),
        (5, 2),
        (8, 3),
        (10, 4),
        (12, 5),
    ]
    assert {line["num_seen"] for line in lines} == {12}
    # Batches are full: an epoch's last one may hold images of the next.
    epochs = training_runs.read_metrics(whole_run, "epoch")
    assert [line["num_seen"] for line in epochs] == [15, 10, 15, 10, 10]


def test_log_entries_are_means_over_their_steps(whole_run):
    entries = training_runs.read_metrics(whole_run, "train")
    epochs = training_runs.read_metrics(whole_run, "epoch")
    by_entries = sum(line["loss"] * 2 * 5 for line in entries)
    by_epochs = sum(line["loss"] * line["num_seen"] for line in epochs)
    assert by_entries == pytest.approx(by_epochs)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=() if step in (1, 5) else pytest.mark.slow)
        for step in range(1, LAST_STEP + 1)
    ],
)
def test_killed_after_any_step_it_goes_on_bit_for_bit(
    tmp_path, data_dir, whole_run, step
):
    path = training_runs.copy_as_killed(whole_run, step, tmp_path / "run")
    state = training_runs.run(data_dir, path, PLATEAU)
    assert state.step == LAST_STEP
    assert_same_run(path, whole_run, from_step=step)


@pytest.mark.whole_run
def test_without_dropouts_draws_it_would_be_another_run(
    tmp_path, data_dir, whole_run, monkeypatch
):
    """Whether the tests above could fail."""
    assign_arrays = run_state.assign_arrays

    def assign_without_draws(variables, arrays, path):
        assign_arrays(
            {k: v for k, v in variables.items() if not k.startswith("dropout/")},
            {k: v for k, v in arrays.items() if not k.startswith("dropout/")},
            path,
        )

    monkeypatch.setattr(run_state, "assign_arrays", assign_without_draws)
    path = training_runs.copy_as_killed(whole_run, 7, tmp_path / "run")
    training_runs.run(data_dir, path, PLATEAU)
    found = training_runs.load_checkpoint(path).arrays
    expected = training_runs.load_checkpoint(whole_run).arrays
    changed = {
        name for name in expected if not np.array_equal(found[name], expected[name])
    }
    assert {"weights/fc6a/kernel", "velocity/fc8/bias"} <= changed
    assert any(name.startswith("dropout/") for name in changed)


@pytest.mark.whole_run
def test_stopped_in_mid_epoch_it_saves_and_goes_on(
    tmp_path, data_dir, whole_run, monkeypatch
):
    # Checkpoints at epochs only: the one of step 4 is the signal's.
    sparse = {**PLATEAU, "checkpoint_every_minutes": 60}
    with monkeypatch.context() as patch:
        training_runs.call_at_step(patch, 4, lambda: _send(signal.SIGTERM))
        with pytest.raises(errors.Interrupted, match="step 4; the state is saved") as e:
            training_runs.run(data_dir, tmp_path / "run", sparse)
    assert e.value.exit_code == 143
    assert training_runs.load_checkpoint(tmp_path / "run").step == 4
    training_runs.run(data_dir, tmp_path / "run", sparse)
    assert_same_run(tmp_path / "run", whole_run)


@pytest.mark.whole_run
def test_stopped_in_an_evaluation_it_begins_with_that(
    tmp_path, data_dir, whole_run, monkeypatch
):
    # Epoch 2 is followed by an evaluation of three batches and the first drop.
    eval_batches = []
    with monkeypatch.context() as patch:
        log_epoch, add = reporting.Reporter.log_epoch, evaluate.PerClassErrors.add

        def log_and_count(self, epoch):
            log_epoch(self, epoch)
            eval_batches.clear()

        def add_and_stop(self, labels, is_error):
            add(self, labels, is_error)
            eval_batches.append(len(labels))
            if len(training_runs.read_metrics(tmp_path / "run", "epoch")) == 2:
                _send(signal.SIGINT)

        patch.setattr(reporting.Reporter, "log_epoch", log_and_count)
        patch.setattr(evaluate.PerClassErrors, "add", add_and_stop)
        with pytest.raises(errors.Interrupted) as e:
            training_runs.run(data_dir, tmp_path / "run", PLATEAU)
    assert e.value.exit_code == 130
    assert eval_batches == [5]
    saved = training_runs.load_checkpoint(tmp_path / "run")
    assert saved.step == 5 and saved.state["unevaluated_epoch"] == 2
    training_runs.run(data_dir, tmp_path / "run", PLATEAU)
    assert_same_run(tmp_path / "run", whole_run, from_step=6)


@pytest.mark.whole_run
def test_stopped_before_the_first_step_it_begins_again(tmp_path, data_dir, monkeypatch):
    begin = workdir.Workdir.begin

    def begin_and_stop(self, *args):
        begin(self, *args)
        _send(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(workdir.Workdir, "begin", begin_and_stop)
        with pytest.raises(errors.Interrupted, match="stopped at step 0"):
            training_runs.run(data_dir, tmp_path / "run", {"num_epochs": 1})
    state = training_runs.run(data_dir, tmp_path / "run", {"num_epochs": 1})
    assert state.step == 3


def test_it_never_starts_over_where_a_checkpoint_was_saved(
    tmp_path, data_dir, whole_run
):
    path = training_runs.copy_as_killed(whole_run, 0, tmp_path / "run")
    before = _read_files(path)
    with pytest.raises(errors.DataError, match=f"step {LAST_STEP} was saved") as e:
        training_runs.run(data_dir, path, PLATEAU)
    assert e.value.exit_code == 2
    assert _read_files(path) == before


@pytest.mark.whole_run
def test_a_missing_newest_checkpoint_and_a_gap_in_the_metrics_are_said(
    tmp_path, data_dir, whole_run, capfd
):
    path = training_runs.copy_as_killed(whole_run, 8, tmp_path / "run")
    metrics = pathlib.Path(path, "metrics.jsonl")
    lines = metrics.read_bytes().splitlines(keepends=True)
    metrics.write_bytes(b"".join(lines[:1] + lines[2:]))
    training_runs.run(data_dir, path, PLATEAU)
    said = "".join(capfd.readouterr())
    assert f"of step {LAST_STEP}, is missing" in said and "from step 8" in said
    assert "metrics.jsonl has a gap" in said
    assert training_runs.load_checkpoint(path).step == LAST_STEP
    assert run_record.read_record(path)["saved_step"] == LAST_STEP


def test_metrics_then_checkpoint_then_record_reach_the_disk(monkeypatch):
    """A kill in between must leave a checkpoint that the record does not exceed."""
    calls = []
    state = types.SimpleNamespace(
        to_arrays=dict, to_json=dict, step=7, saved_step=None, best_step=None
    )
    config = types.SimpleNamespace(keep_checkpoints=1)
    run = types.SimpleNamespace(
        checkpoints_dir="nowhere",
        metrics=types.SimpleNamespace(sync=lambda: calls.append("metrics") or 12),
        record_checkpoint=lambda step: calls.append(f"record {step}"),
    )

    def save(directory, step, arrays, state, **rest):
        calls.append(f"checkpoint of {state['metrics_lines']} lines")

    monkeypatch.setattr(saver.checkpoint, "save", save)
    saver.Saver(run, config, state).save()
    assert calls == ["metrics", "checkpoint of 12 lines", "record 7"]


def _read_files(path):
    return {
        file: file.read_bytes()
        for file in pathlib.Path(path).rglob("*")
        if file.is_file() and file.name != "LOCK"
    }


def _send(number):
    os.kill(os.getpid(), number)


@pytest.mark.whole_run
def test_more_epochs_are_the_same_run_longer(tmp_path, data_dir, whole_run):
    # All these may change: how long, how often, from where.
    moved = shutil.copytree(data_dir, tmp_path / "moved")
    first = {**PLATEAU, "num_epochs": 2, "checkpoint_every_minutes": 60}
    assert training_runs.run(data_dir, tmp_path / "run", first).step == 5
    state = training_runs.run(moved, tmp_path / "run", PLATEAU)
    assert state.step == LAST_STEP
    assert_same_run(tmp_path / "run", whole_run)
    record = run_record.read_record(str(tmp_path / "run"))
    assert [start["from_step"] for start in record["starts"]] == [0, 5]
    assert record["starts"][1]["changed_settings"]["num_epochs"] == [2, 20]
    assert record["data"]["data_dir"] == str(moved)


def test_other_settings_and_other_data_are_refused(tmp_path, data_dir, whole_run):
    before = sorted(os.listdir(whole_run))
    with pytest.raises(errors.UserError) as e:
        changed = {**PLATEAU, "batch_size": 6, "optimizer.momentum": 0.8}
        training_runs.run(data_dir, whole_run, changed)
    assert "config.batch_size: 5 there, 6 now" in str(e.value)
    assert "config.optimizer.momentum: 0.9 there, 0.8 now" in str(e.value)
    data_directories.write_data_directory(tmp_path, num_classes=2, per_class=6, seed=1)
    with pytest.raises(errors.UserError, match="holds a run on other data"):
        training_runs.run(tmp_path, whole_run, PLATEAU)
    assert sorted(os.listdir(whole_run)) == before


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
