"""Work is spread over processes, and none of them outlives its parent."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests import processes
from tfrecords import errors
from tfrecords.console import worker_pool

PROGRAM = """
import os, sys, time
from tfrecords.console import worker_pool
def work(task):
    if task == "sleep":
        print(os.getpid(), flush=True)
        time.sleep(120)
    if task == "die":
        os.kill(os.getpid(), 9)
    if task == "raise":
        raise ZeroDivisionError
    return task, os.getpid()
if __name__ == "__main__":
    try:
        for result in worker_pool.map_unordered(work, sys.argv[2:], int(sys.argv[1])):
            print(*result, flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return str(path)


def run(program, *arguments):
    result = processes.run_python(program, *arguments)
    assert result.returncode == 0, result.stderr
    return [line.split(" ", 1) for line in result.stdout.splitlines()]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_every_task_is_done_once_in_other_processes(program):
    lines = run(program, "2", *"abcdefgh")
    assert sorted(task for task, _ in lines) == list("abcdefgh")
    assert 1 <= len({pid for _, pid in lines}) <= 2


def test_one_worker_is_this_process():
    def work(task):  # could not be sent to another
        return task, os.getpid()

    assert list(worker_pool.map_unordered(work, ["a", "b"], 1)) == [
        ("a", os.getpid()),
        ("b", os.getpid()),
    ]
    assert list(worker_pool.map_unordered(work, [], 4)) == []


def test_too_few_workers_is_a_sentence():
    with pytest.raises(errors.UserError, match="num_workers=0"):
        list(worker_pool.map_unordered(str, [1, 2], 0))


def test_a_worker_that_dies_is_a_sentence(program):
    name, message = run(program, "2", "die", "b", "c")[-1]
    assert name == "UserError"
    assert "a worker process died" in message


def test_what_the_work_raises_passes(program):
    assert run(program, "2", "raise", "b")[-1][0] == "ZeroDivisionError"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_workers_die_with_their_parent(program, end):
    parent = subprocess.Popen(
        [sys.executable, program, "2", "sleep", "sleep"],
        stdout=subprocess.PIPE,
        text=True,
        env=processes.make_environment(),
    )
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    assert all(map(is_running, workers))
    parent.send_signal(end)
    parent.wait()
    parent.stdout.close()
    limit = time.monotonic() + 10
    while any(map(is_running, workers)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


COMMAND = (
    PROGRAM.partition("if __name__")[0]
    + """
def main():
    for result in worker_pool.map_unordered(work, ["sleep"] * 4, 2):
        print(*result)
if __name__ == "__main__":
    from tfrecords.console import command_line
    command_line.run(main, __name__, "Sleeps.")
"""
)


@pytest.mark.parametrize("moment", ["starting", "at work"])
@pytest.mark.parametrize(
    "number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_to_the_group_is_the_parents(tmp_path, moment, number, code):
    (tmp_path / "program.py").write_text(COMMAND)
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "program.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=processes.make_environment(),
        start_new_session=True,
    )
    limit = time.monotonic() + 30
    while not processes.list_spawned(parent.pid) and time.monotonic() < limit:
        time.sleep(0.005)
    if moment == "at work":
        parent.stdout.readline()
    workers = processes.list_spawned(parent.pid)
    os.killpg(parent.pid, number)
    # Long before the workers have slept.
    _, text = parent.communicate(timeout=30)
    assert parent.returncode == code, text
    assert "Traceback" not in text and "a worker process died" not in text
    assert not any(map(is_running, workers))


def test_the_processors_are_those_allowed():
    code = (
        "import os; from tfrecords.console import worker_pool\n"
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "assert worker_pool.count_processors() == 1\n"
    )
    result = processes.run_python("-c", code)
    assert result.returncode == 0, result.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
