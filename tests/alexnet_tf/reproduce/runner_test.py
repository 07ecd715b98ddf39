"""Tests of `reproduce.runner` and `execute`: tiny runs, stopped and resumed."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys

import numpy as np
import pytest

from alexnet_tf.evaluation import evaluate
from alexnet_tf.experiments.claims.claim import Arm, Form, Stage
from alexnet_tf.experiments.claims.data_sets import DATA_SETS
from alexnet_tf.reproduce import arrays, plan, run_records, runner
from alexnet_tf.runs import run_record
from alexnet_tf.training import train
from tests import data_directories, training_runs
from tfrecords import errors

pytestmark = pytest.mark.whole_run

FORM = Form(
    "drawn",
    settings={**training_runs.TINY, "num_epochs": 3, "keep_checkpoints": 1},
    num_folds=2,
    minutes=1,
    machine="any",
)
PAPER = Arm("paper", probes=("probabilities",))


def make_run(fold=0, form=FORM, **settings):
    return plan.make_run(form, Arm("arm", settings, PAPER.probes), fold, 0)


@pytest.fixture(autouse=True, scope="module")
def small_data():
    """The drawn data set may have six classes, or three."""
    few = dataclasses.replace(DATA_SETS["drawn"], class_counts=(3, 6))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATA_SETS, "drawn", few)
        yield


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    path = tmp_path_factory.mktemp("root")
    data_directories.write_data_directory(path / "drawn", num_classes=6, per_class=4)
    return str(path)


def run_queue(runs, data_root, path):
    return runner.run_queue(
        runs, data_root, str(path / "out"), str(path / "records"), ("command",)
    )


@pytest.fixture(scope="module")
def finished(data_root, tmp_path_factory):
    """The path and records of two folds."""
    path = tmp_path_factory.mktemp("finished")
    runs = [make_run(0), make_run(1)]
    return path, runs, run_queue(runs, data_root, path)


def test_records_hold_answers_epochs_and_environment(finished):
    path, runs, records = finished
    assert run_records.read_all(str(path / "records")) == records
    record = records[runs[0].name]
    # 24 training images, half of them held out.
    assert record.num_images == {"held_out": 12, "train": 12, "validation": 24}
    assert set(record.wrong) == {
        f"{place}/{kind}"
        for place in (
            *("held_out/centre", "held_out/ten_views", "train/centre"),
            *("validation/centre", "validation/ten_views"),
        )
        for kind in ("top1", "top5")
    }
    assert [entry["epoch"] for entry in record.epochs] == [1, 2, 3]
    assert all("training" in e and "validation" in e for e in record.epochs)
    assert record.images_per_second > 0 and record.environment["cpu"]
    assert (record.num_classes, record.starts) == (6, 1)
    assert record.settings["model.width"] == training_runs.TINY["model.width"]
    # The checkpoints are gone.
    assert os.listdir(path / "out" / runner.WORK_NAME) == []


def test_kept_probabilities_agree_with_the_answers(finished):
    _, runs, records = finished
    record = records[runs[1].name]
    kept = record.probes["probabilities"]
    scores, labels = (arrays.decode(kept[n]) for n in ("held_out", "held_out_labels"))
    assert scores.shape == (12, 6) and scores.dtype == np.float16
    np.testing.assert_allclose(scores.sum(1), 1, atol=0.01)
    wrong = record.get_wrong("held_out", "ten_views", "top1")
    clear = np.ptp(np.sort(scores, axis=1)[:, -2:], axis=1) > 0.01
    np.testing.assert_array_equal((scores.argmax(1) != labels)[clear], wrong[clear])


def test_the_record_is_what_an_evaluation_of_the_run_finds(
    data_root, tmp_path, monkeypatch
):
    """The run's directory is kept here, to compare."""
    monkeypatch.setattr(runner.shutil, "rmtree", lambda path: None)
    run = make_run()
    records = run_queue([run], data_root, tmp_path)
    workdir = tmp_path / "out" / runner.WORK_NAME / run.name
    for views, number in (("centre", 1), ("ten_views", 10)):
        _, result, _ = evaluate.evaluate_checkpoint(
            str(workdir), "last", "held_out", number
        )
        found = records[run.name].get_error("held_out", views, "top1")
        assert found == pytest.approx(result.counts.top1_error)


def test_finished_runs_are_not_repeated(finished, data_root, monkeypatch, capsys):
    path, runs, records = finished

    def refuse(*args, **kwargs):
        raise AssertionError("a finished run was repeated")

    monkeypatch.setattr(train, "train_and_evaluate", refuse)
    assert run_queue(runs, data_root, path) == records
    with pytest.raises(AssertionError, match="repeated"):
        run_queue([make_run(num_epochs=4)], data_root, path)
    assert "run 1 of 1" in capsys.readouterr().err


def test_a_run_is_repeated_if_its_record_lacks_a_probe(
    finished, data_root, tmp_path, monkeypatch
):
    path, runs, _ = finished
    shutil.copytree(path / "records", tmp_path / "records")
    more = dataclasses.replace(runs[0], probes=("kernels", "probabilities"))
    record = run_queue([more], data_root, tmp_path)[more.name]
    assert set(record.probes) == {"kernels", "probabilities"}


def test_a_stopped_run_resumes_and_ends_like_one_that_was_not(
    finished, data_root, tmp_path, monkeypatch
):
    _, runs, records = finished
    whole = train.train_and_evaluate

    def stop_after_two_epochs(config, *args, watch, **kwargs):
        def stop(epoch, error):
            if epoch == 2:
                raise errors.Interrupted("stopped", 15)
            return watch(epoch, error)

        return whole(config, *args, watch=stop, **kwargs)

    monkeypatch.setattr(train, "train_and_evaluate", stop_after_two_epochs)
    with pytest.raises(errors.Interrupted):
        run_queue(runs[:1], data_root, tmp_path)
    assert run_records.read_all(str(tmp_path / "records")) == {}
    monkeypatch.undo()
    found = run_queue(runs[:1], data_root, tmp_path)[runs[0].name]
    expected = records[runs[0].name]
    assert found.starts == 2
    assert (found.wrong, found.epochs) == (expected.wrong, expected.epochs)


def test_a_run_ends_at_its_training_error(data_root, tmp_path):
    form = dataclasses.replace(FORM, until_training_error=0.999)
    run = make_run(form=form)
    record = run_queue([run], data_root, tmp_path)[run.name]
    assert len(record.epochs) == 1


def test_a_pre_trained_run_starts_from_its_stage_which_runs_once(
    finished, data_root, tmp_path, monkeypatch
):
    _, runs, records = finished
    starts = {}
    whole = train.train_and_evaluate

    def watch_start(config, data_dir, workdir, *args, **kwargs):
        starts[os.path.basename(workdir)] = os.path.basename(config.init_from)
        if config.init_from:
            assert os.path.isdir(run_record.get_checkpoints_dir(config.init_from))
        return whole(config, data_dir, workdir, *args, **kwargs)

    monkeypatch.setattr(train, "train_and_evaluate", watch_start)
    stage = Stage("drawn", settings={**training_runs.TINY, "num_epochs": 1})
    form = dataclasses.replace(FORM, stages=(stage,))
    arm = Arm("arm", is_pretrained=True)
    first, second = (plan.make_run(form, arm, fold, 0) for fold in (0, 1))
    assert first.origin == second.origin and first.name != runs[0].name
    origin = first.origin
    found = run_queue([origin, first], data_root, tmp_path)
    assert starts == {origin.name: "", first.name: origin.name}
    assert os.listdir(tmp_path / "out" / runner.WORK_NAME) == []
    assert found[first.name].settings["init_from"] == origin.name
    assert found[first.name].epochs != records[runs[0].name].epochs
    starts.clear()
    run_queue([origin, first], data_root, tmp_path)
    assert starts == {}
    # A record whose weights are gone does not spare a stage that is still needed.
    work_dir = str(tmp_path / "out" / runner.WORK_NAME)
    queue = [origin, first, second]
    assert runner.find_finished(queue, found, work_dir) == {first.name}


def test_missing_data_is_named_with_its_command(tmp_path):
    with pytest.raises(errors.UserError, match=r"drawn.*alexnet-convert"):
        run_queue([make_run()], str(tmp_path), tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_split_that_is_missing_is_named(data_root, tmp_path):
    form = dataclasses.replace(FORM, num_folds=0, split="test")
    with pytest.raises(errors.UserError, match=r"no test split"):
        run_queue([make_run(form=form)], data_root, tmp_path)


def test_data_of_another_size_or_number_of_classes_is_refused(
    data_root, tmp_path, monkeypatch
):
    for changes, facts in (
        ({"image_size": 32}, r"256 pixels.*need 32.*alexnet-convert"),
        ({"class_counts": (10,)}, r"6 classes.*need 10.*alexnet-convert"),
    ):
        changed = dataclasses.replace(DATA_SETS["drawn"], **changes)
        monkeypatch.setitem(DATA_SETS, "drawn", changed)
        with pytest.raises(errors.UserError, match=facts):
            run_queue([make_run()], data_root, tmp_path)
        monkeypatch.undo()


def test_records_of_other_data_are_refused(finished, tmp_path):
    path, runs, _ = finished
    other = tmp_path / "root"
    data_directories.write_data_directory(other / "drawn", num_classes=3, per_class=2)
    shutil.copytree(path / "records", tmp_path / "records")
    with pytest.raises(errors.UserError, match=rf"{runs[0].name}.*other data"):
        run_queue(runs, str(other), tmp_path)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
