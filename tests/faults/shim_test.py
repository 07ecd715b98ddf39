"""Tests of the shim: what it counts, and what it does at a call."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys

import pytest

from tests import processes
from tests.faults import power_cut, shim

pytestmark = pytest.mark.skipif(
    shim.find_problem() is not None, reason=str(shim.find_problem())
)

# Makes a directory and a file, flushes, renames, and says how it went.
PROGRAM = """
import os
os.mkdir("d")
try:
    with open("d/a.tmp", "wb", buffering=0) as file:
        written = file.write(b"abcdef")
        os.fsync(file.fileno())
    os.replace("d/a.tmp", "d/a")
    print(written)
except OSError as error:
    print(error.errno)
"""
# mkdir, open, write, fsync, rename
NUM_CALLS = 5


def run(directory, fault=None, trace="", program=PROGRAM):
    counter = shim.CallCounter(directory, fault, trace)
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=directory,
        env=processes.make_environment(**counter.environment),
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    return result, counter.close()


def test_calls_that_change_files_are_counted_and_traced(tmp_path):
    root, trace = tmp_path / "root", tmp_path / "trace"
    root.mkdir()
    result, num_calls = run(root, trace=str(trace))
    assert result.stdout.strip() == "6" and num_calls == NUM_CALLS
    assert power_cut.read_trace(str(trace), str(root)) == [
        power_cut.Call("mkdir", "d"),
        power_cut.Call("create", "d/a.tmp"),
        power_cut.Call("write", "d/a.tmp", data=b"abcdef"),
        power_cut.Call("fsync", "d/a.tmp"),
        power_cut.Call("rename", "d/a.tmp", "d/a"),
    ]


def test_files_elsewhere_and_reading_are_not_counted(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a").write_bytes(b"1")
    program = "open('../b', 'w').write('2'); open('a').read()"
    assert run(tmp_path / "root", program=program)[1] == 0


def test_a_kill_comes_before_the_call(tmp_path):
    result, num_calls = run(tmp_path, shim.Fault(5, "kill"))
    assert result.returncode == -signal.SIGKILL and num_calls == 5
    assert (tmp_path / "d" / "a.tmp").read_bytes() == b"abcdef"
    assert not (tmp_path / "d" / "a").exists()


def test_a_call_fails_alone(tmp_path):
    result, _ = run(tmp_path, shim.Fault(4, "fail", errno.EIO))
    assert int(result.stdout) == errno.EIO
    assert (tmp_path / "d" / "a.tmp").exists()


def test_a_full_disk_still_renames(tmp_path):
    result, _ = run(tmp_path, shim.Fault(4, "exhaust", errno.ENOSPC))
    assert result.stdout.strip() == "6" and (tmp_path / "d" / "a").exists()
    (tmp_path / "d" / "a").unlink()
    (tmp_path / "d").rmdir()
    result, _ = run(tmp_path, shim.Fault(2, "exhaust", errno.ENOSPC))
    assert int(result.stdout) == errno.ENOSPC


def test_a_short_write_passes_half_on(tmp_path):
    result, _ = run(tmp_path, shim.Fault(3, "short"))
    assert result.stdout.strip() == "3"
    assert (tmp_path / "d" / "a").read_bytes() == b"abc"


def test_tensorflows_writes_are_counted(tmp_path):
    program = (
        "import tensorflow as tf\n"
        "with tf.io.TFRecordWriter('a') as writer:\n"
        "    writer.write(b'x' * 100)\n"
    )
    trace = tmp_path.with_suffix(".trace")
    result, num_calls = run(tmp_path, trace=str(trace), program=program)
    assert result.returncode == 0, result.stderr
    calls = power_cut.read_trace(str(trace), str(tmp_path))
    assert num_calls == len(calls) and calls[0].name == "create"
    disk = power_cut.Disk()
    for call in calls:
        disk.apply(call)
    assert disk.make_state("names", None) == {"a": b""}  # TensorFlow does not flush
    written = b"".join(call.data for call in calls)
    assert written == (tmp_path / "a").read_bytes()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
