"""Tests of `tfrecords.limits`: a limit is named, and blamed on nothing else.

Limits are set in processes of their own, so that a failure leaves none behind.
"""

from __future__ import annotations

import errno
import os
import sys
import threading

import numpy as np
import pytest

from tests import data_directories, processes
from tfrecords import errors, limits
from tfrecords.console import command_line
from tfrecords.conversion import finished_shards, shard_writer
from tfrecords.durable import files, npz
from tfrecords.shards import record_index, record_reader
from tfrecords.shards.directory_files import ShardContents
from tfrecords.shards.manifest import ShardInfo

OPEN_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 64))
from tfrecords import limits
limits.prepare()
print(limits.count_open_files())
"""

COMMAND = """
import os, sys, tempfile
from tfrecords.console import command_line
def main():
    BODY
os.chdir(tempfile.mkdtemp())
if "gone" in sys.argv[0]:
    os.rmdir(os.getcwd())
command_line.run(main, "__main__", "Does a thing.")
"""


@pytest.fixture
def no_files(monkeypatch):
    """No file can be opened."""

    def refuse(*arguments, **keywords):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(arguments[0]))

    def start():
        monkeypatch.setattr("builtins.open", refuse)
        monkeypatch.setattr("io.FileIO", refuse)

    return start


def test_the_limit_of_open_files_is_raised_as_far_as_it_goes():
    done = processes.run_python("-c", OPEN_FILES)
    assert done.stdout.split() == ["64"], done.stderr


def test_more_shards_than_open_files_are_read(tmp_path):
    data_directories.write_data_directory(
        tmp_path, per_class={"train": 25}, num_shards=50
    )
    done = processes.run_python("-m", "tests.programs.read_many_shards", tmp_path)
    assert done.stdout.split() == ["150"], done.stderr


def test_no_shard_is_blamed_where_no_file_can_be_opened(tmp_path, no_files):
    contents = data_directories.write_data_directory(tmp_path, per_class=2)
    index = record_index.read_index(str(tmp_path), contents, "train")
    reader = record_reader.RecordReader(index)
    no_files()
    with pytest.raises(errors.UserError, match="too many files are open") as caught:
        reader.read(0)
    assert not isinstance(caught.value, errors.DataError)


def test_no_archive_is_damaged_where_memory_or_files_are_short(tmp_path, monkeypatch):
    path = str(tmp_path / "a.npz")
    npz.save(path, {"x": np.zeros(3)})
    for error in (MemoryError(), OSError(errno.EMFILE, "Too many open files")):

        def fail(*arguments, error=error, **keywords):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(np, "load", fail)
            with pytest.raises(errors.UserError) as caught:
                npz.load(path)
        assert type(caught.value) is errors.UserError


def test_no_finished_shard_is_distrusted_where_no_file_can_be_opened(
    tmp_path, monkeypatch
):
    description = {"a": 1}
    finished_shards.find(str(tmp_path), description)
    (tmp_path / "temporary").write_bytes(b"x")
    result = shard_writer.ShardResult(
        str(tmp_path / "temporary"),
        ShardContents(
            ShardInfo("shard", 1, 1, "0"), *[np.zeros(1, np.int64)] * 3, None
        ),
        (),
        None,
    )
    finished_shards.add(str(tmp_path), "shard", result)

    def fail(path):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(files, "compute_digest", fail)
    with pytest.raises(errors.UserError, match="too many files are open"):
        finished_shards.find(str(tmp_path), description)


@pytest.mark.parametrize(
    ("name", "body", "parts"),
    [
        ("command", "raise OSError(24, 'Too many open files')", ["ulimit -n"]),
        ("command", "bytearray(1 << 62)", ["too little memory"]),
        ("gone", "print('done')", ["working directory was removed"]),
    ],
)
def test_a_command_ends_with_a_sentence(tmp_path, name, body, parts):
    path = tmp_path / f"{name}.py"
    path.write_text(COMMAND.replace("BODY", body))
    done = processes.run_python(path)
    assert done.returncode == 2 and not done.stdout
    assert "Traceback" not in done.stderr
    assert all(part in done.stderr for part in parts)


def test_threads_that_cannot_be_started_are_said_so(monkeypatch):
    before = threading.active_count()
    limits.check_threads()
    start, started = threading.Thread.start, []

    def start_three(thread):
        if len(started) == 3:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_three)
    with pytest.raises(errors.UserError, match="ulimit -u"):
        limits.check_threads()
    assert len(started) == 3 and threading.active_count() == before


def test_threads_are_checked_where_tensorflows_messages_are_wanted(monkeypatch):
    def refuse():
        raise errors.UserError("no room")

    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.setattr(limits, "check_threads", refuse)
    with pytest.raises(errors.UserError, match="no room"):
        command_line.quiet_tensorflow()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_refuse_tells_limits_from_damage(number):
    with pytest.raises(errors.UserError) as caught:
        limits.refuse(OSError(number, os.strerror(number)))
    assert type(caught.value) is errors.UserError
    limits.refuse(OSError(errno.EIO, "Input/output error"))
    limits.refuse(ValueError("damaged"))


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (OSError(errno.EMFILE, "x"), "ulimit -n"),
        (OSError(errno.ENFILE, "x"), "fs.file-max"),
        (MemoryError(), "too little memory"),
        (OSError(errno.ENOMEM, "x"), "too little memory"),
        (ImportError("libx.so: failed to map segment from shared object"), "memory"),
        (BlockingIOError(errno.EAGAIN, "x"), "ulimit -u"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (RuntimeError("something else"), None),
        (ImportError("no module"), None),
        (OSError(errno.ENOENT, "x"), None),
    ],
)
def test_explain_names_the_limit_and_its_remedy(error, part):
    sentence = limits.explain(error)
    assert sentence is None if part is None else part in sentence


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
