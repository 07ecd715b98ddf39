"""Gives tasks to worker processes and prints what comes back.

  python -m tests.programs.pool_work NUM_WORKERS TASK ...

A task is a word that says what its worker does: die, raise, full, sleep; with
die-at-2 it dies at item 2, with once-at-2 the first time only, with hang-at-1 it stops.
Other words do nothing.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time

from tfrecords.console import command_line, worker_pool


@dataclasses.dataclass(frozen=True)
class Task:
    name: str


def work(task, rejected, report_position):
    """Returns the task's word, the process and the rejected items."""
    word = task.name
    if word == "sleep":
        print(os.getpid(), flush=True)
        time.sleep(120)
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "raise":
        raise ZeroDivisionError
    if word == "full":
        raise OSError(28, "No space left on device")
    kind, _, place = word.partition("-at-")
    for position in range(4):
        if position in rejected:
            continue
        report_position(position)
        if place == str(position):
            if kind == "die":
                os.kill(os.getpid(), signal.SIGSEGV)
            if kind == "hang":
                os.kill(os.getpid(), signal.SIGSTOP)
            if kind == "once" and not os.path.exists("died"):
                open("died", "w").close()
                os.kill(os.getpid(), signal.SIGKILL)
    report_position(worker_pool.BETWEEN_ITEMS)
    return os.getpid(), dict(rejected)


def main(num_workers: str, *words: str) -> None:
    """Prints a line for each result."""
    if "hang-at-1" in words:
        worker_pool._STALL_SECONDS = 3.0
    with worker_pool.WorkerPool(work, int(num_workers)) as pool:
        for task, (process_id, rejected) in pool.run([Task(word) for word in words]):
            print(task.name, process_id, rejected, flush=True)


if __name__ == "__main__":
    ARGUMENTS = sys.argv[1:]
    del sys.argv[1:]
    command_line.run(lambda: main(*ARGUMENTS), __name__, "Works.")
