"""Tests of `durable.versions`: numbers are given once, and nothing stays behind."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import threading

import pytest

from tests import processes
from tfrecords import errors
from tfrecords.durable import versions

WRITE_HALF = """
import sys, time
from tfrecords.durable import versions
with versions.write_version(sys.argv[1]) as version:
    open(version.temporary + "/half", "w").close()
    print("begun", flush=True)
    time.sleep(60)
"""


def write(directory, text="x"):
    with versions.write_version(str(directory)) as version:
        pathlib.Path(version.temporary, "file").write_text(text)
    return version.path


def test_versions_count_from_the_largest(tmp_path):
    directory = tmp_path / "new"
    assert write(directory) == str(directory / "1")
    (directory / "9").mkdir()
    (directory / "notes").mkdir()
    assert write(directory) == str(directory / "10")
    assert versions.list_versions(str(directory)) == [1, 9, 10]


def test_writers_at_once_get_a_number_each(tmp_path):
    started = threading.Barrier(3)
    paths = []

    def run(text):
        with versions.write_version(str(tmp_path)) as version:
            pathlib.Path(version.temporary, "file").write_text(text)
            started.wait()
        paths.append((version.path, text))

    threads = [threading.Thread(target=run, args=(text,)) for text in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path for path, _ in paths) == [f"{tmp_path}/{n}" for n in (1, 2, 3)]
    assert all(pathlib.Path(p, "file").read_text() == text for p, text in paths)


def test_a_number_that_another_writer_takes_first_is_left_to_it(tmp_path, monkeypatch):
    list_versions, calls = versions.list_versions, []

    def list_late(directory):
        found = list_versions(directory)
        if not calls:  # What the other one does between our look and our rename.
            (tmp_path / "1").mkdir()
            (tmp_path / "1" / "theirs").write_bytes(b"")
        calls.append(found)
        return found

    monkeypatch.setattr(versions, "list_versions", list_late)
    assert write(tmp_path) == str(tmp_path / "2")
    assert os.listdir(tmp_path / "1") == ["theirs"]


def test_a_directory_that_another_writer_takes_for_abandoned_is_made_again(
    tmp_path, monkeypatch
):
    mkdir, removed = os.mkdir, []

    def make_and_lose(path, *arguments):
        mkdir(path, *arguments)
        if not removed:
            removed.append(path)
            os.rmdir(path)

    monkeypatch.setattr(os, "mkdir", make_and_lose)
    assert write(tmp_path) == str(tmp_path / "1")
    assert removed and os.listdir(tmp_path) == ["1"]


def test_a_directory_that_cannot_be_listed_is_a_storage_error(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(errors.StorageError, match=str(tmp_path)):
        write(tmp_path)


def test_a_failing_writer_leaves_nothing(tmp_path):
    with pytest.raises(errors.StorageError), versions.write_version(str(tmp_path)):
        raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_what_a_killed_writer_left_is_removed_and_a_living_ones_is_not(tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE_HALF, str(tmp_path)],
        stdout=subprocess.PIPE,
        env=processes.make_environment(),
    )
    assert writer.stdout.readline() == b"begun\n"
    (left,) = os.listdir(tmp_path)
    write(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [left, "1"]
    writer.kill()
    writer.wait()
    writer.stdout.close()
    write(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
