"""Tests of `training.train`: rates by schedule and by hand; no validation split."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests import data_directories, training_runs
from tfrecords import errors

pytestmark = pytest.mark.whole_run


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """12 images in batches of 5: epochs end after the steps 3, 5 and 8."""
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class=6)
    return str(path)


@pytest.fixture(scope="module")
def data_without_validation(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class={"train": 6})
    return str(path)


def read_weights(workdir, step):
    arrays = training_runs.load_checkpoint(workdir, step).arrays
    return {k: v for k, v in arrays.items() if k.startswith(("weights/", "velocity/"))}


def find_changed_layers(workdir, first, last):
    before, after = read_weights(workdir, first), read_weights(workdir, last)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    return {
        name.removeprefix("weights/").split("/")[0].rstrip("ab")
        for name in changed
        if name.startswith("weights/")
    }


def read_rates(workdir):
    lines = training_runs.read_metrics(workdir, "train")
    return {line["step"]: line["learning_rates"] for line in lines}


def test_fixed_schedule_holds_layer_by_layer_without_validation(
    tmp_path, data_without_validation
):
    # Step 3 begins at epoch 1.25, the first that is not before 1; step 5 at 2.08.
    values = {
        "num_epochs": 3,
        "log_every_steps": 1,
        "schedule.name": "fixed",
        "schedule.steps": "1:conv1=0 1:fc8=0.5 2:0.001 2:conv2=0",
    }
    training_runs.run(data_without_validation, tmp_path, values)
    rates = read_rates(tmp_path)
    for step in range(1, 9):
        # A line of step s holds the rates of the update that ended with it.
        epoch = (step - 1) * 5 / 12
        expected = {"conv1": 0.01, "conv2": 0.01, "fc7": 0.01, "fc8": 0.01}
        if epoch >= 1:
            expected.update(conv1=0.0, fc8=0.5)
        if epoch >= 2:
            expected.update(conv1=0.001, conv2=0.0, fc7=0.001, fc8=0.001)
        for layer, rate in expected.items():
            assert rates[step][f"{layer}/kernel"] == pytest.approx(rate), (step, layer)
    everything = {
        f"{kind}{n}"
        for kind, numbers in (("conv", range(1, 6)), ("fc", range(6, 9)))
        for n in numbers
    }
    assert find_changed_layers(tmp_path, 1, 2) == everything
    # A frozen layer does not change by a bit, whatever its velocity was.
    assert find_changed_layers(tmp_path, 3, 4) == everything - {"conv1"}
    assert find_changed_layers(tmp_path, 4, 5) == everything - {"conv1"}
    assert find_changed_layers(tmp_path, 5, 8) == everything - {"conv2"}
    kinds = {line["kind"] for line in training_runs.read_metrics(tmp_path)}
    assert "validation" not in kinds


def test_plateau_needs_a_validation_split(tmp_path, data_without_validation):
    with pytest.raises(errors.UserError) as e:
        training_runs.run(data_without_validation, tmp_path / "run")
    assert "has no validation split" in str(e.value)
    assert "--config.schedule.name=fixed" in str(e.value)
    assert not (tmp_path / "run").exists()


def test_rate_set_by_hand_is_applied_logged_and_saved(tmp_path, data_dir):
    short, longer = {"num_epochs": 1}, {"num_epochs": 3, "log_every_steps": 1}
    training_runs.run(data_dir, tmp_path, short)
    by_hand = "0.001,conv1=0,fc8=0.02"
    training_runs.run(data_dir, tmp_path, longer, set_learning_rate=by_hand)
    events = [
        (line["step"], line["text"])
        for line in training_runs.read_metrics(tmp_path, "event")
        if "by hand" in line["text"]
    ]
    assert [step for step, _ in events] == [3, 3, 3]
    assert "all layers was set by hand at epoch 1.25, from 0.01" in events[0][1]
    assert "fc8 was set by hand at epoch 1.25, from 0.001 to 0.02" in events[2][1]
    saved = training_runs.load_checkpoint(tmp_path, 3).state["schedule"]["rates"]
    assert saved["conv1"] == 0 and saved["fc7"] == 0.001 and saved["fc8"] == 0.02
    for step, rates in read_rates(tmp_path).items():
        if step > 3:
            assert rates["conv1/kernel"] == rates["conv1/bias"] == 0
            assert rates["fc7/kernel"] == pytest.approx(0.001)
            assert rates["fc8/kernel"] == pytest.approx(0.02)
    assert "conv1" not in find_changed_layers(tmp_path, 3, 8)
    assert "fc8" in find_changed_layers(tmp_path, 3, 8)


@pytest.mark.parametrize(
    "text, fact",
    [("fast", "'fast' must be RATE"), ("conv9=0.1", "no layer 'conv9'")],
)
def test_an_invalid_rate_changes_nothing(tmp_path, data_dir, text, fact):
    with pytest.raises(errors.UserError, match=fact):
        training_runs.run(data_dir, tmp_path / "run", set_learning_rate=text)
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.slow
def test_other_precisions_resume_bit_for_bit(tmp_path, data_dir, precision):
    values = {"precision": precision}
    training_runs.run(data_dir, tmp_path / "whole", values)
    training_runs.copy_as_killed(tmp_path / "whole", 2, tmp_path / "run")
    training_runs.run(data_dir, tmp_path / "run", values)
    for step in range(2, 6):
        assert training_runs.compute_digest(
            tmp_path / "run", step
        ) == training_runs.compute_digest(tmp_path / "whole", step)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
