"""Tests of `console.directory_kinds`: each kind by the files that we write."""

from __future__ import annotations

import os
import sys

import pytest

from alexnet_tf.export import exported
from alexnet_tf.retrieval import feature_files
from alexnet_tf.runs import run_record
from alexnet_tf.tune import directory as tune_directory
from tests import data_directories
from tfrecords import errors
from tfrecords.console import directory_kinds
from tfrecords.shards import manifest


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (manifest.MANIFEST_NAME, directory_kinds.DATA),
        (run_record.RECORD_NAME, directory_kinds.RUN),
        (tune_directory.RECORD_NAME, directory_kinds.SEARCH),
        (feature_files.BUILD_NAME, directory_kinds.FEATURES),
        (exported.SAVED_MODEL_NAME, directory_kinds.EXPORT),
        (f"1/{exported.SAVED_MODEL_NAME}", directory_kinds.EXPORT),
        (f"12/{exported.RECORD_NAME}", directory_kinds.EXPORT),
        ("v1/saved_model.pb", None),
        ("1/notes.txt", None),
        ("notes.txt", None),
    ],
)
def test_a_file_tells_the_kind(tmp_path, name, kind):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert directory_kinds.recognize(str(tmp_path)) == kind
    assert directory_kinds.recognize(str(path)) is None


def test_what_is_not_there_is_of_no_kind(tmp_path):
    assert directory_kinds.recognize(str(tmp_path)) is None
    assert directory_kinds.recognize(str(tmp_path / "none")) is None


def test_a_real_data_directory(tmp_path):
    data_directories.write_data_directory(tmp_path, num_classes=2, per_class=1)
    assert directory_kinds.recognize(str(tmp_path)) == directory_kinds.DATA


@pytest.fixture
def confused(tmp_path):
    """A directory of each kind, as far as names tell."""
    for name in ("run/run.json", "data/manifest.json", "export/1/saved_model.pb"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("read", "name", "words"),
    [
        (manifest.read_manifest, "run", "is a run's workdir, not a data directory"),
        (manifest.read_manifest, "export", "is an export, not a data directory"),
        (manifest.read_manifest, "notes", "its conversion is unfinished"),
        (run_record.read_record, "export", "holds no run: it is an export"),
        (run_record.read_record, "data", "holds no run: it is a data directory"),
        (run_record.read_record, "notes", r"there is no run\.json"),
        (exported.find_version, "run", "workdir, not an export. Give --workdir="),
        (exported.find_version, "data", "is a data directory, not an export"),
        (exported.find_version, "notes", "alexnet-export --workdir=W --export_dir="),
        (exported.check_target, "run", "is a run's workdir"),
        (exported.check_target, "data", "is a data directory"),
        (exported.check_target, "export/1", "is a version of an export"),
        (exported.check_target, "notes", r"not empty .*todo\.txt.*notes/alexnet"),
    ],
)
def test_a_directory_of_another_kind_is_called_by_its_name(confused, read, name, words):
    with pytest.raises(errors.UserError, match=words) as raised:
        read(str(confused / name))
    assert str(raised.value).startswith(str(confused / name))


@pytest.mark.parametrize("name", ["export", "empty", "new"])
def test_a_version_may_be_written(confused, name):
    exported.check_target(str(confused / name))
    assert os.path.isdir(confused / name) == (name != "new")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
