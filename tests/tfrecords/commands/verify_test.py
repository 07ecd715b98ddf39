"""alexnet-verify as a user runs it."""

import json
import os
import sys

import pytest

from tests import data_directories, processes

MODULE = ["-m", "tfrecords.commands.verify"]


@pytest.fixture
def data_dir(tmp_path):
    data_directories.write_data_directory(tmp_path / "data", per_class=2)
    return str(tmp_path / "data")


def test_sound_data_exit_with_0_and_a_summary(data_dir):
    for arguments in ([data_dir], [f"--data_dir={data_dir}", "--num_workers=1"]):
        result = processes.run_python(*MODULE, *arguments)
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith(f"{data_dir} is sound: 8 records, ")
        assert "records/s)" in result.stdout


def test_a_fault_exits_with_2_and_names_the_shard(data_dir):
    path = os.path.join(data_dir, "train-00000-of-00002")
    os.truncate(path, 1000)
    result = processes.run_python(*MODULE, data_dir, "--num_workers=2")
    assert result.returncode == 2
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{path}: has 1,000 bytes")
    assert lines[1].startswith(f"{path}: record 0 at byte 0 claims")
    assert lines[-1].startswith(f"{data_dir}: {len(lines) - 1} problems; ")
    assert "Traceback" not in result.stderr


def test_many_problems_are_counted(tmp_path):
    data_directories.write_data_directory(tmp_path, num_classes=1, per_class=60)
    path = tmp_path / "manifest.json"
    value = json.loads(path.read_text().replace("class 0", "class X"))
    del value["sha256"]
    path.write_text(json.dumps(value))
    result = processes.run_python(*MODULE, str(tmp_path), "--num_workers=1")
    assert result.returncode == 2
    assert "\n... and 20 more\n" in result.stdout
    assert ": 120 problems; 120 records" in result.stdout


def test_wrong_use_exits_with_2():
    for arguments, part in (
        ([], "no data directory was given"),
        (["/none/such"], "there is no data directory /none/such"),
        (["--num_worker=2"], "Did you mean: num_workers"),
        (["--num_workers=0"], "num_workers"),
        (["a", "b"], "'b' is not a flag"),
    ):
        result = processes.run_python(*MODULE, *arguments)
        assert result.returncode == 2
        assert part in result.stderr
        assert "Traceback" not in result.stderr


def test_help_does_without_tensorflow_and_numpy():
    result = processes.run_python("-X", "importtime", *MODULE, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Checks everything in a data directory")
    assert "--num_workers" in result.stdout
    assert "tfrecords.console.command_line" in result.stderr
    assert "tensorflow" not in result.stderr
    assert "numpy" not in result.stderr


def test_verifying_does_without_tensorflow(data_dir):
    result = processes.run_python("-X", "importtime", *MODULE, data_dir)
    assert result.returncode == 0
    assert "tfrecords.verification.shard_check" in result.stderr
    assert "tensorflow" not in result.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
