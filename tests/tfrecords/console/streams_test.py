"""What becomes of a command, and of its output, where the output is lost."""

import os
import subprocess
import sys
import threading
import time

import pytest

from tests import processes
from tfrecords import errors
from tfrecords.console import streams

LOST = {
    "stdout full": ">/dev/full",
    "stdout closed": ">&-",
    "stdout's reader gone": "| true",
    "stderr full": "2>/dev/full",
    "stderr closed": "2>&-",
    "stderr's reader gone": "2> >(true)",
    "all closed": "<&- >&- 2>&-",
}


def run(tmp_path, arguments, redirection):
    python = (
        f"{sys.executable} -m tests.programs.lossy_output {arguments} {redirection}"
    )
    return subprocess.run(
        f"{python}\nexit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        # Where it is set, nothing is left for the flush at the end.
        env=processes.make_environment(PYTHONUNBUFFERED=""),
    )


@pytest.mark.parametrize("redirection", LOST.values(), ids=LOST)
def test_lost_output_does_not_touch_the_work(tmp_path, redirection):
    result = run(tmp_path, "", redirection)
    # That of the work, not of Python's flush (120) or of a signal.
    assert result.returncode == 2, result.stderr
    assert (tmp_path / "made").read_text() == "True!"
    assert "Traceback" not in result.stderr
    if not redirection.startswith(("2", "<")):
        assert "the work found a fault" in result.stderr


@pytest.mark.parametrize("arguments", ["--is_work", "--help"])
def test_a_full_disk_behind_an_output_that_is_the_work(tmp_path, arguments):
    result = run(tmp_path, arguments, ">/dev/full")
    assert result.returncode == 4
    lines = [t for t in result.stderr.splitlines() if t and not t.startswith("line")]
    assert len(lines) == 1 and "No space left" in lines[0]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("arguments", ["--is_work", "--help"])
@pytest.mark.parametrize("reader", ["| true", "| head -n 1"])
def test_a_reader_that_left_ends_the_command_quietly(tmp_path, arguments, reader):
    result = run(tmp_path, arguments, reader)
    assert result.returncode == 0
    assert [t for t in result.stderr.splitlines() if not t.startswith("line")] == []


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "2> >(true)"])
def test_a_closed_stderr_changes_no_output(tmp_path, redirection):
    result = run(tmp_path, "--is_work", redirection)
    assert result.returncode == 0
    assert result.stdout.count("a line that") == 2000
    assert result.stdout.endswith("a last line\n")


def test_a_loss_is_raised_once_and_the_rest_dropped():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    stream = streams._Stream(descriptor)
    assert stream.write(b"dropped") == 7
    stream.is_work = True
    stream._is_lost = False
    with pytest.raises(errors.StorageError, match="No space left"):
        stream.write(b"kept")
    assert stream.write(b"after it") == 8
    os.close(descriptor)


def test_a_pipe_that_does_not_block_is_waited_for():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    data = os.urandom(1 << 20)
    taken = []

    def read():
        time.sleep(0.05)
        while piece := os.read(reading, 1 << 16):
            taken.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    assert streams._Stream(writing).write(data) == len(data)
    os.close(writing)
    reader.join()
    os.close(reading)
    assert b"".join(taken) == data


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
