"""Tests of `training.dry_run`: it reports the run's numbers and writes nothing."""

from __future__ import annotations

import os
import re
import shutil
import sys

import pytest

from alexnet_tf.devices.placement import Placement
from alexnet_tf.training import dry_run, run_state, train
from tests import data_directories, training_runs
from tfrecords import errors
from tfrecords.durable import locks

pytestmark = pytest.mark.whole_run


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=3, per_class=4)
    return str(path)


def test_it_says_what_a_run_would_be_and_leaves_nothing(tmp_path, data_dir):
    config = training_runs.make_config({"num_epochs": 10})
    workdir = str(tmp_path / "run")
    lines = dry_run.estimate(config, data_dir, workdir)
    assert not os.path.exists(workdir)
    state = run_state.build_run_state(config, 3, Placement())
    num_parameters = state.model.count_params()
    assert lines[0] == (
        f"data: {data_dir}, 12 train, 12 validation images of 3 classes"
    )
    assert lines[1].startswith(f"network: {num_parameters:,} parameters, float32, on")
    # Ten epochs of 12 images in steps of 5.
    assert lines[2] == f"run: 10 epochs, 24 steps of 5 images, new, in {workdir}"
    # Crops of 67 pixels at 32 positions, of images of 256.
    assert re.match(r"warning: .* central 98x98 .*256x256.*--image_size=98$", lines[3])
    assert re.match(r".* 5 steps: [\d,.]+ images/s; .*\d", lines[4])
    assert lines[-1] == "Nothing was written."


def test_an_existing_run_is_resumed(tmp_path, data_dir):
    training_runs.run(data_dir, tmp_path, {"num_epochs": 1})
    before = training_runs.compute_digest(tmp_path)
    lines = dry_run.estimate(
        training_runs.make_config({"num_epochs": 2}), data_dir, str(tmp_path)
    )
    assert lines[2].endswith(f"resuming the run in {tmp_path}")
    assert training_runs.compute_digest(tmp_path) == before


@pytest.fixture(scope="module")
def begun(tmp_path_factory, data_dir):
    """A run of one epoch, one without its checkpoints, and an unrelated directory."""
    path = tmp_path_factory.mktemp("runs")
    training_runs.run(data_dir, path / "run", {"num_epochs": 1})
    shutil.copytree(path / "run", path / "emptied")
    shutil.rmtree(path / "emptied" / "checkpoints")
    (path / "other").mkdir()
    (path / "other" / "notes.txt").write_text("mine")
    return path


@pytest.mark.parametrize(
    ("values", "workdir", "rate", "facts"),
    [
        ({"data.crop_size": 300}, "new", "", "crops of 300 pixels"),
        ({"batch_size": 13}, "new", "", "batch_size is 13, .* 12 images"),
        ({"num_epochs": 0}, "new", "", "config.num_epochs is 0"),
        ({"model.width": 0}, "new", "", "model.width .* above 0"),
        ({"devices": "GPU:9"}, "new", "", "no device GPU:9"),
        ({"profile_steps": (5, 2)}, "new", "", "profile_steps .* FIRST,LAST"),
        ({"schedule.name": "fixed", "schedule.steps": "1:x=0"}, "new", "", "layer 'x'"),
        ({"init_from": "nowhere"}, "new", "", "nowhere holds no run"),
        ({}, "new", "conv9=1", "no layer 'conv9'"),
        ({}, "other", "", "is not empty and holds no run"),
        ({}, "other/notes.txt", "", "is no directory|is a file"),
        ({"seed": 8}, "run", "", "a run of other settings"),
        ({"num_epochs": 2}, "emptied", "", "no checkpoint, though one of step 3"),
    ],
)
def test_a_dry_run_refuses_what_a_run_refuses(
    begun, data_dir, values, workdir, rate, facts
):
    config, path = training_runs.make_config(values), str(begun / workdir)
    with pytest.raises(errors.UserError, match=facts):
        dry_run.estimate(config, data_dir, path, rate)
    with pytest.raises(errors.UserError, match=facts):
        train.train_and_evaluate(config, data_dir, path, set_learning_rate=rate)


def test_the_run_to_start_from_is_read(begun, data_dir, tmp_path):
    """The line is that of the run itself."""
    values = {"init_from": str(begun / "run"), "num_epochs": 1}
    config, path = training_runs.make_config(values), str(tmp_path / "run")
    lines = dry_run.estimate(config, data_dir, path)
    (line,) = (line for line in lines if line.startswith("from "))
    assert f"from {begun / 'run'}, step 3: conv1a" in line
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_run_to_start_from_is_refused(begun, data_dir, tmp_path):
    config = training_runs.make_config({"init_from": str(begun / "emptied")})
    for call in (dry_run.estimate, train.train_and_evaluate):
        with pytest.raises(errors.UserError, match="checkpoint"):
            call(config, data_dir, str(tmp_path / "run"))


def test_a_directory_in_use_is_refused(begun, data_dir):
    path = str(begun / "run")
    config = training_runs.make_config({"num_epochs": 2})
    with (
        locks.directory_lock(path, "alexnet-train"),
        pytest.raises(errors.InUseError),
    ):
        dry_run.estimate(config, data_dir, path)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
