"""Processes that work through a list of tasks, and die with the one that asked.

Workers are spawned, not forked: a fork copies locks that another thread may hold.
They leave signals to their parent, and end when it ends, however it ends.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from tfrecords import errors
from tfrecords.console import stop_signals, streams

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def count_processors() -> int:
    """The processors that this process may use (`taskset` and containers count)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_unordered(
    function: Callable[[_Task], _Result], tasks: Sequence[_Task], num_workers: int
) -> Iterator[_Result]:
    """Yields `function(task)` for every task, in the order in which they are done.

    Args:
      function: a module's own function; it, its tasks and its results are pickled.
      tasks: the work.
      num_workers: processes, at least 1; with 1 the work is done in this process.

    Raises:
      UserError: where a worker died, of too little memory for example. What
        `function` raises passes unchanged.
    """
    if num_workers < 1:
        raise errors.UserError(
            f"--num_workers={num_workers} is too small: at least one process is needed."
        )
    if num_workers == 1 or len(tasks) < 2:
        yield from map(function, tasks)
        return
    others = set(multiprocessing.active_children())
    with stop_signals.deaf_processes():
        executor = concurrent.futures.ProcessPoolExecutor(
            min(num_workers, len(tasks)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
        )
    try:
        with stop_signals.deaf_processes():
            futures = {executor.submit(function, task) for task in tasks}
        while futures:
            done, futures = concurrent.futures.wait(
                futures, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise errors.UserError(
            "a worker process died (out of memory, or killed from outside). Run the "
            "same command again, with a smaller --num_workers if memory is short."
        ) from error
    except BaseException:
        # Nobody waits for what they have begun.
        for worker in set(multiprocessing.active_children()) - others:
            worker.kill()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    streams.take_streams()
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
