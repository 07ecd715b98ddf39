"""A training's trial: what it says is the run's, and it leaves nothing."""

from __future__ import annotations

import os
import re
import sys

import pytest

from alexnet_tf import rehearsal, run_state
from alexnet_tf.placement import Placement
from tests import data_directories, training_runs
from tfrecords import errors


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=3, per_class=4)
    return str(path)


def test_it_says_what_a_run_would_be_and_leaves_nothing(tmp_path, data_dir):
    config = training_runs.make_config({"num_epochs": 10})
    workdir = str(tmp_path / "run")
    lines = rehearsal.rehearse(config, data_dir, workdir)
    assert not os.path.exists(workdir)
    state = run_state.build_run_state(config, 3, Placement())
    num_parameters = state.model.count_params()
    assert lines[0] == (
        f"data: {data_dir}, 12 train, 12 validation pictures of 3 classes"
    )
    assert lines[1].startswith(f"network: {num_parameters:,} parameters, float32, on")
    # Ten epochs of 12 pictures in steps of 5.
    assert lines[2] == f"run: 10 epochs, 24 steps of 5 pictures, in {workdir}, new"
    assert re.match(r"5 steps as a trial: [\d,.]+ images/s, so that all take", lines[3])
    assert lines[-1] == "Nothing was written."


def test_a_run_that_was_begun_is_named(tmp_path, data_dir):
    training_runs.run(data_dir, tmp_path, {"num_epochs": 1})
    before = training_runs.compute_digest(tmp_path)
    lines = rehearsal.rehearse(
        training_runs.make_config({"num_epochs": 2}), data_dir, str(tmp_path)
    )
    assert lines[2].endswith(f"going on with the run in {tmp_path}")
    assert training_runs.compute_digest(tmp_path) == before


def test_what_a_run_would_refuse_is_refused(tmp_path, data_dir):
    config = training_runs.make_config({"data.crop_size": 300})
    with pytest.raises(errors.UserError, match="crops of 300 pixels"):
        rehearsal.rehearse(config, data_dir, str(tmp_path))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
