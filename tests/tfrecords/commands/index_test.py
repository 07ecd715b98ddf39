"""alexnet-index as a user runs it."""

import os
import sys

import pytest

from tests import data_directories, processes
from tfrecords.shards import manifest

MODULE = ["-m", "tfrecords.commands.index"]


@pytest.fixture
def records_dir(tmp_path):
    data_directories.write_foreign_shards(tmp_path / "records", per_class=2)
    return str(tmp_path / "records")


def test_shards_become_a_data_directory(records_dir, tmp_path):
    data_dir = str(tmp_path / "data")
    result = processes.run_python(
        *MODULE, f"--records_dir={records_dir}", f"--data_dir={data_dir}"
    )
    assert result.returncode == 0, result.stderr
    assert "train: 4 records in 2 shards\n" in result.stdout
    assert "2 classes." in result.stdout
    assert "--workdir=DIRECTORY --config.data.label_offset=1\n" in result.stdout
    assert manifest.read_manifest(data_dir).num_classes == 2
    assert "LOCK" not in os.listdir(records_dir)
    verified = processes.run_python("-m", "tfrecords.commands.verify", data_dir)
    assert verified.returncode == 0, verified.stdout


def test_the_data_directory_is_the_records_own_by_default(records_dir):
    result = processes.run_python(
        *MODULE, "--records_dir", records_dir, "--label_offset=1", "--num_workers=1"
    )
    assert result.returncode == 0, result.stderr
    assert manifest.read_manifest(records_dir).records_dir == "."


def test_bad_input_is_a_sentence(records_dir, tmp_path):
    for arguments, part in (
        ([], "--records_dir is missing"),
        (["--records_dir=/none/such"], "there is no directory /none/such"),
        ([f"--records_dir={tmp_path}"], "has no training shards"),
        ([f"--records_dir={records_dir}", "--label_offset=0"], "--label_offset=1"),
        ([f"--records_dir={records_dir}", "--label_offset=-1"], "label_offset"),
    ):
        result = processes.run_python(*MODULE, *arguments)
        assert result.returncode == 2
        assert part in result.stderr
        assert "Traceback" not in result.stderr
    assert not os.path.exists(os.path.join(records_dir, "manifest.json"))


def test_help():
    result = processes.run_python(*MODULE, "--help")
    assert result.returncode == 0
    assert "--label_offset (default 1)" in result.stdout


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
