"""Work survives the death of a worker, and no worker outlives its parent."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import pytest

from tests import processes
from tests.programs import pool_work
from tfrecords import errors
from tfrecords.console import worker_pool

PROGRAM = ("-m", "tests.programs.pool_work")


def run(tmp_path, *arguments):
    """The words and rejected items of the results, sorted, and the processes."""
    result = processes.run_python(*PROGRAM, *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = [line.split(" ", 2) for line in result.stdout.splitlines()]
    found = sorted((word, rejected) for word, _, rejected in lines)
    return found, {process_id for _, process_id, _ in lines}


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_every_task_is_done_once_in_other_processes(tmp_path):
    found, ids = run(tmp_path, "2", *"abcdefgh")
    assert found == [(word, "{}") for word in "abcdefgh"]
    assert 1 <= len(ids) <= 2


@dataclasses.dataclass(frozen=True)
class Task:
    name: str


def test_a_single_worker_may_be_this_process():
    def work(task, rejected, report_position):  # could not be sent to another
        return os.getpid()

    with worker_pool.WorkerPool(work, 1, in_process_if_alone=True) as pool:
        assert [*pool.run([Task("a")])] == [(Task("a"), os.getpid())]
        assert [*pool.run([])] == []


def test_workers_wait_for_another_call():
    with worker_pool.WorkerPool(pool_work.work, 2) as pool:
        ((_, (first, _)),) = pool.run([Task("a")])
        assert is_running(first)
        found = {task.name: result for task, result in pool.run([Task("b"), Task("c")])}
        ids = {process_id for process_id, _ in found.values()}
        assert found.keys() == {"b", "c"} and first in ids and len(ids) == 2
        ((_, (last, _)),) = pool.run([Task("d")])
        assert last == first
    assert not any(is_running(process_id) for process_id in ids)


def test_the_number_of_workers_is_checked():
    assert worker_pool.check_num_workers(None) == worker_pool.count_processors()
    assert worker_pool.check_num_workers(3) == 3
    with pytest.raises(errors.UserError, match="num_workers=0"):
        worker_pool.check_num_workers(0)


def test_a_worker_that_dies_once_costs_nothing(tmp_path):
    found, _ = run(tmp_path, "2", "once-at-2", "b", "c")
    assert (tmp_path / "died").exists()
    assert found == [("b", "{}"), ("c", "{}"), ("once-at-2", "{}")]


@pytest.mark.parametrize(
    ("word", "number"), [("die-at-2", "SIGSEGV"), ("hang-at-1", "SIGKILL")]
)
def test_an_item_that_ends_two_workers_is_rejected(tmp_path, word, number):
    found, _ = run(tmp_path, "2", word, "b", "c")
    assert found[:2] == [("b", "{}"), ("c", "{}")]
    assert found[2][0] == word
    for fact in (f"{{{word[-1]}: ", "twice", number):
        assert fact in found[2][1]


def test_a_worker_that_dies_between_items_twice_is_an_error(tmp_path):
    result = processes.run_python(*PROGRAM, "2", "die", "b", "c", cwd=tmp_path)
    assert result.returncode == 2
    for fact in ("die", "SIGKILL", "--num_workers"):
        assert fact in result.stderr
    assert "Traceback" not in result.stderr


def test_any_error_in_a_worker_is_raised_here(tmp_path):
    result = processes.run_python(*PROGRAM, "2", "raise", "b", cwd=tmp_path)
    assert result.returncode == 1 and "ZeroDivisionError" in result.stderr
    result = processes.run_python(*PROGRAM, "2", "full", "b", cwd=tmp_path)
    assert "OSError: [Errno 28]" in result.stderr


class Unreadable:
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (7,)


def test_a_worker_that_cannot_start_ends_the_work():
    with (
        worker_pool.WorkerPool(Unreadable(), 1) as pool,
        pytest.raises(errors.UserError, match="exit code 7"),
    ):
        list(pool.run([Task("a")]))


def test_workers_compute_with_one_thread_and_leave_the_variables_as_they_were(
    monkeypatch,
):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with worker_pool._one_thread_each():
        assert os.environ["OMP_NUM_THREADS"] == "1"
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def start(*arguments, **settings):
    return subprocess.Popen(
        [sys.executable, *PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=processes.make_environment(),
        **settings,
    )


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_workers_die_with_their_parent(end):
    parent = start("2", "sleep", "sleep")
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    assert all(map(is_running, workers))
    parent.send_signal(end)
    parent.wait()
    parent.stdout.close()
    limit = time.monotonic() + 10
    while any(map(is_running, workers)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


@pytest.mark.parametrize("moment", ["starting", "at work"])
@pytest.mark.parametrize(
    "number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_to_the_group_is_the_parents(moment, number, code):
    parent = start("2", *["sleep"] * 4, stderr=subprocess.PIPE, start_new_session=True)
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
    assert "Traceback" not in text and "worker process" not in text
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
