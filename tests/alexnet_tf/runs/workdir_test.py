import dataclasses
import json
import multiprocessing
import os
import sys

import numpy as np
import pytest

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.runs import run_record, workdir
from tfrecords import errors

PAPER = Config()
INFO = run_record.RunInfo(
    data_dir="data/ten",
    data_fingerprint="abc123",
    command=["/opt/bin/alexnet-train", "--data_dir=data/ten", "--workdir=w"],
    environment={"tensorflow": "2.21.0", "intra_op_threads": 2, "onednn": "default"},
)


def open_and_begin(path, config=PAPER, info=INFO, step=0):
    """A start that ends at once; returns its warnings."""
    with workdir.open_workdir(str(path), config, info) as run:
        run.begin(step)
        return run.warnings


def read_lines(path):
    return [json.loads(line) for line in (path / "metrics.jsonl").open()]


def test_the_record_of_a_new_run(tmp_path):
    assert open_and_begin(tmp_path / "new" / "run") == []
    record = run_record.read_record(str(tmp_path / "new" / "run"))
    (start,) = record["starts"]
    assert start["command"] == [
        "alexnet-train",
        "--data_dir=data/ten",
        "--workdir=w",
    ]
    assert start["environment"] == INFO.environment
    assert start["from_step"] == 0 and start["time"].endswith("+00:00")
    assert record["data"] == {"data_dir": "data/ten", "fingerprint": "abc123"}
    assert record["config"] == overrides.to_dict(Config())
    assert run_record.read_config(str(tmp_path / "new" / "run")) == Config()


def test_each_start_is_recorded_with_what_it_changed(tmp_path):
    open_and_begin(tmp_path)
    config = dataclasses.replace(Config(), num_epochs=100, profile_steps=(20, 30))
    moved = dataclasses.replace(INFO, data_dir="elsewhere")
    assert open_and_begin(tmp_path, config, moved, step=40) == []
    record = run_record.read_record(str(tmp_path))
    assert [start["from_step"] for start in record["starts"]] == [0, 40]
    assert record["starts"][1]["changed_settings"] == {
        "num_epochs": [90, 100],
        "profile_steps": [[], [20, 30]],
    }
    assert record["data"]["data_dir"] == "elsewhere"
    assert run_record.read_config(str(tmp_path)) == config


def test_the_record_names_the_newest_checkpoint(tmp_path):
    with workdir.open_workdir(str(tmp_path), PAPER, INFO) as run:
        assert run.saved_step is None
        run.begin(0)
        assert run_record.read_record(str(tmp_path))["saved_step"] is None
        run.record_checkpoint(40)
    assert run_record.read_record(str(tmp_path))["saved_step"] == 40
    with workdir.open_workdir(str(tmp_path), PAPER, INFO) as run:
        assert run.saved_step == 40
        # On resuming from an older checkpoint, the record follows.
        run.begin(20, 20)
    assert run_record.read_record(str(tmp_path))["saved_step"] == 20


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        ("nothing", None),
        ("training metrics", None),
        ("a first save cut short", None),
        ("a start that went on", 40),
        ("an evaluation", 30),
        ("an empty directory of checkpoints", 0),
    ],
)
def test_an_older_record_without_the_step_is_read_by_its_traces(
    tmp_path, trace, expected
):
    open_and_begin(tmp_path, step=40 if trace == "a start that went on" else 0)
    record = json.loads((tmp_path / "run.json").read_text())
    del record["saved_step"]
    (tmp_path / "run.json").write_text(json.dumps(record))
    if "metrics" in trace or "evaluation" in trace:
        kind = "train" if "metrics" in trace else "validation"
        line = json.dumps({"step": 30, "kind": kind})
        (tmp_path / "metrics.jsonl").write_text(f"{line}\n{{torn")
    if "save" in trace or "directory" in trace:
        (tmp_path / "checkpoints").mkdir()
    if "save" in trace:
        (tmp_path / "checkpoints" / ".ckpt-00000040.tmp-1").mkdir()
    with workdir.open_workdir(str(tmp_path), PAPER, INFO) as run:
        assert run.saved_step == expected


def test_a_damaged_step_is_named(tmp_path):
    open_and_begin(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**record, "saved_step": "x"}))
    with pytest.raises(errors.DataError, match="saved_step is 'x'"):
        open_and_begin(tmp_path)


def test_other_settings_are_refused_field_by_field(tmp_path):
    open_and_begin(tmp_path)
    before = (tmp_path / "run.json").read_bytes()
    config = overrides.override(
        Config(), {"batch_size": 64, "model.activation": "tanh", "num_epochs": 3}
    )
    with pytest.raises(errors.UserError) as raised:
        open_and_begin(tmp_path, config)
    message = str(raised.value)
    assert "config.batch_size: 128 there, 64 now" in message
    assert "config.model.activation: 'relu' there, 'tanh' now" in message
    assert "num_epochs" not in message and "another workdir" in message
    assert (tmp_path / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "earlier"),
    [("model.initial_scaling", "none"), ("data.crop_origin", "corner")],
)
def test_a_run_of_an_earlier_version_keeps_what_it_did(tmp_path, name, earlier):
    """Its record lacks the setting, whose default does something else."""
    open_and_begin(tmp_path)
    path = tmp_path / "run.json"
    record = json.loads(path.read_text())
    del record["config"][name]
    path.write_text(json.dumps(record))
    for _ in range(2):
        workdir.check_workdir(str(tmp_path), PAPER, INFO)
        open_and_begin(tmp_path)
        record = json.loads(path.read_text())
        assert record["config"][name] == earlier


def test_another_initial_scaling_is_refused(tmp_path):
    open_and_begin(tmp_path)
    config = overrides.override(Config(), {"model.initial_scaling": "none"})
    with pytest.raises(errors.UserError, match="initial_scaling: 'inputs' there"):
        open_and_begin(tmp_path, config)


def test_other_data_are_refused(tmp_path):
    open_and_begin(tmp_path)
    other = dataclasses.replace(INFO, data_dir="d2", data_fingerprint="fff")
    with pytest.raises(errors.UserError, match=r"abc123.*d2 has fff"):
        open_and_begin(tmp_path, info=other)


def test_another_environment_is_a_warning(tmp_path):
    open_and_begin(tmp_path)
    other = dataclasses.replace(
        INFO, environment={**INFO.environment, "intra_op_threads": 4, "onednn": "0"}
    )
    (warning,) = open_and_begin(tmp_path, info=other)
    assert "intra_op_threads 2 -> 4; onednn default -> 0" in warning
    assert "tensorflow" not in warning
    assert open_and_begin(tmp_path, info=other) == []


def fail_early(path):
    with pytest.raises(RuntimeError), workdir.open_workdir(str(path), PAPER, INFO):
        raise RuntimeError("no such device")


def test_a_start_that_fails_early_leaves_what_was_there(tmp_path):
    fail_early(tmp_path)
    fail_early(tmp_path / "new" / "run")
    assert os.listdir(tmp_path) == []
    (tmp_path / "runs" / "other").mkdir(parents=True)
    fail_early(tmp_path / "runs" / "run")
    assert os.listdir(tmp_path / "runs") == ["other"]
    config = dataclasses.replace(Config(), batch_size=1)
    path = tmp_path / "runs" / "run"
    open_and_begin(path, config)
    # A run keeps its lock, whose holder another process may be waiting to read.
    before = {name: (path / name).read_bytes() for name in ("LOCK", "run.json")}
    with pytest.raises(errors.UserError, match="batch_size"):
        open_and_begin(path)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


def test_a_start_that_fails_once_begun_keeps_its_record(tmp_path):
    with (
        pytest.raises(RuntimeError),
        workdir.open_workdir(str(tmp_path), PAPER, INFO) as run,
    ):
        run.begin(0)
        raise RuntimeError("out of memory")
    assert sorted(os.listdir(tmp_path)) == ["LOCK", "run.json"]


def test_a_directory_of_something_else_is_refused_untouched(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(errors.UserError, match=r"not empty.*manifest\.json"):
        open_and_begin(tmp_path)
    assert os.listdir(tmp_path) == ["manifest.json"]
    with pytest.raises(errors.UserError, match="holds no run"):
        run_record.read_config(str(tmp_path))
    with pytest.raises(errors.UserError, match="holds no run"):
        run_record.read_config(str(tmp_path / "absent"))
    with pytest.raises(errors.UserError, match="as a directory"):
        open_and_begin(tmp_path / "manifest.json")


def test_a_killed_first_start_is_no_obstacle(tmp_path):
    (tmp_path / "LOCK").write_text("alexnet-train, process 1 on gone\n")
    (tmp_path / ".run.json.tmp-1").write_text("{")
    open_and_begin(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["LOCK", "run.json"]


def test_an_unwritable_place_is_a_storage_error():
    if not os.path.isdir("/sys"):
        pytest.skip("needs a directory in which nobody may write: Linux's /sys")
    with pytest.raises(errors.StorageError, match="could not be written"):
        open_and_begin("/sys/alexnet-run")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"format": "alexnet-run", "version": 1}',
     '{"format": "alexnet-run", "version": 1, "config": {}, "data": 1, "starts": []}'],
)  # fmt: skip
def test_a_damaged_record_is_named(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(errors.DataError, match=r"run\.json is damaged"):
        open_and_begin(tmp_path)
    assert (tmp_path / "run.json").read_text() == content


def test_a_record_of_another_version_is_not_called_damaged(tmp_path):
    (tmp_path / "run.json").write_text('{"format": "alexnet-run", "version": 2}')
    with pytest.raises(errors.UserError, match=r"run\.json has version 2"):
        open_and_begin(tmp_path)


def test_settings_of_another_version_are_said_so(tmp_path):
    open_and_begin(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    record["config"]["model.depth"] = 3
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(errors.UserError, match=r"another version.*'model\.depth'"):
        run_record.read_config(str(tmp_path))


def _try_to_open(path, queue):
    try:
        open_and_begin(path)
        queue.put("opened")
    except errors.InUseError as error:
        queue.put(str(error))


def test_a_second_run_is_refused_while_the_first_holds_it(tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()

    def open_elsewhere():
        process = context.Process(target=_try_to_open, args=(tmp_path, queue))
        process.start()
        answer = queue.get(timeout=30)
        process.join()
        return answer

    with workdir.open_workdir(str(tmp_path), Config(), INFO) as run:
        run.begin(0)
        assert f"alexnet-train, process {os.getpid()}" in open_elsewhere()
    assert open_elsewhere() == "opened"
    assert len(run_record.read_record(str(tmp_path))["starts"]) == 2


def test_metrics_are_lines_of_strict_json(tmp_path):
    with workdir.open_workdir(str(tmp_path), Config(), INFO) as run:
        run.begin(0)
        run.metrics.append(
            {
                "step": 20,
                "loss": np.float32(0.5),
                "norms": {"conv1": np.float64("nan"), "all": [float("inf"), 1]},
                "split": "validation",
            }
        )
        # On disk at once, so that others can follow the run.
        assert read_lines(tmp_path) == [
            {
                "step": 20,
                "loss": 0.5,
                "norms": {"conv1": None, "all": [None, 1]},
                "split": "validation",
            }
        ]
        with pytest.raises(ValueError, match="step"):
            run.metrics.append({"loss": 1.0})
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()


@pytest.mark.parametrize("cut", [0, 1, 5, 9])
def test_metrics_beyond_the_checkpoint_and_a_torn_line_are_dropped(tmp_path, cut):
    with workdir.open_workdir(str(tmp_path), Config(), INFO) as run:
        run.begin(0)
        for step in (10, 20, 20, 30, 40):
            run.metrics.append({"step": step})
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[: -cut or None])
    open_and_begin(tmp_path, step=100)
    kept = [line["step"] for line in read_lines(tmp_path)]
    assert kept == [10, 20, 20, 30] + ([] if cut else [40])
    with workdir.open_workdir(str(tmp_path), Config(), INFO) as run:
        run.begin(20)
        run.metrics.append({"step": 30})
    assert [line["step"] for line in read_lines(tmp_path)] == [10, 20, 20, 30]


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    open_and_begin(tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(errors.DataError, match=r"line 2 of .*metrics"):
        open_and_begin(tmp_path)


def test_a_full_disk_tears_a_line_at_most(tmp_path):
    with workdir.open_workdir(str(tmp_path), Config(), INFO) as run:
        run.begin(0)
        os.symlink("/dev/full", tmp_path / "metrics.jsonl")
        with pytest.raises(errors.StorageError, match="the disk is full"):
            run.metrics.append({"step": 1})


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
