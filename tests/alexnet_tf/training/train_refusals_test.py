"""Tests of `training.train`: what is refused, and what is decided before a run."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from alexnet_tf.devices import precision, precision_timing
from alexnet_tf.runs import run_record
from tests import data_directories, training_runs
from tfrecords import errors
from tfrecords.shards import schema

pytestmark = pytest.mark.whole_run


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class=6)
    return str(path)


def test_auto_is_measured_once_and_kept_where_the_run_goes_on(
    tmp_path, data_dir, monkeypatch, capfd
):
    def set_seconds(bfloat16):
        precision._measure_processor.cache_clear()
        seconds = {"float32": 1.0, "bfloat16": bfloat16}
        timing = precision_timing.Timing(seconds, seconds)
        monkeypatch.setattr(precision_timing, "measure", lambda: timing)

    path, values = tmp_path / "run", {"precision": "auto", "num_epochs": 1}
    set_seconds(0.5)
    training_runs.run(data_dir, path, values)
    assert "bfloat16 is 2 times" in "".join(capfd.readouterr())
    # Another machine, on which float32 is the faster.
    set_seconds(3.0)
    training_runs.run(data_dir, path, values)
    record = run_record.read_record(str(path))
    assert record["config"]["precision"] == "mixed_bfloat16"
    first, second = (start["precision"] for start in record["starts"])
    assert first["timing"]["matmul"] == {"float32": 1.0, "bfloat16": 0.5}
    assert second["precision"] == "mixed_bfloat16" and second["timing"] is None
    training_runs.run(data_dir, tmp_path / "new", values)
    assert run_record.read_precision(str(tmp_path / "new")) == "float32"
    precision._measure_processor.cache_clear()


def test_a_second_run_in_a_workdir_in_use_is_refused(tmp_path, data_dir, monkeypatch):
    refused = []

    def start_another():
        with pytest.raises(errors.InUseError) as e:
            training_runs.run(data_dir, tmp_path / "run", {"num_epochs": 1})
        refused.append(e.value.exit_code)

    training_runs.call_at_step(monkeypatch, 1, start_another)
    training_runs.run(data_dir, tmp_path / "run", {"num_epochs": 1})
    assert refused == [5]


def test_a_workdir_that_holds_something_else_is_left_alone(tmp_path, data_dir):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(errors.UserError, match=r"holds no run.*thesis\.tex"):
        training_runs.run(data_dir, tmp_path)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_workdir_that_cannot_be_written_is_a_sentence(data_dir):
    # No one may make a directory there, root included.
    with pytest.raises(errors.StorageError, match="/sys/run") as e:
        training_runs.run(data_dir, "/sys/run")
    assert e.value.exit_code == 4


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"profile_steps": "5"}, "FIRST,LAST"),
        ({"profile_steps": "9,3"}, "FIRST,LAST"),
        ({"schedule.name": "fixed", "schedule.steps": "1:conv9=0"}, "no layer 'conv9'"),
        ({"data.crop_size": 250}, "crop"),
        ({"data.crop_size": 56}, "pool5"),
        ({"devices": "GPU:7"}, "GPU:7"),
        ({"init_from": "nope"}, "nope holds no run"),
    ],
)
def test_settings_that_cannot_be_begin_nothing(tmp_path, data_dir, values, sentence):
    with pytest.raises(errors.UserError, match=sentence):
        training_runs.run(data_dir, tmp_path / "runs" / "new", values)
    assert os.listdir(tmp_path) == []


def test_a_shard_that_is_missing_is_found_before_the_first_step(tmp_path, data_dir):
    damaged = shutil.copytree(data_dir, tmp_path / "data")
    name = schema.make_shard_name("validation", 1, 2)
    os.remove(damaged / name)
    with pytest.raises(errors.DataError, match=name):
        training_runs.run(damaged, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_damaged_record_stops_the_run_with_its_name(tmp_path, data_dir):
    damaged = shutil.copytree(data_dir, tmp_path / "data")
    name = schema.make_shard_name("train", 0, 2)
    content = bytearray((damaged / name).read_bytes())
    content[len(content) // 2] ^= 4
    (damaged / name).write_bytes(content)
    with pytest.raises(errors.DataError, match=name):
        training_runs.run(damaged, tmp_path / "run", {"num_epochs": 1})


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
