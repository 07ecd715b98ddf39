"""Processes that work through a list of tasks, any of which may die.

`concurrent.futures` gives up all work when one process dies and does not say which
task it had. Here the parent knows the task and the item (an image) of every worker: a
task whose worker dies or stalls is started again, and an item that ends its worker
twice is rejected.

Workers are spawned, not forked: a fork copies locks that another thread may hold. They
leave signals to their parent, and end when it ends.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import resource
import signal
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import connection
from typing import Any, Generic, Protocol, TypeVar

from tfrecords import errors
from tfrecords.console import stop_signals, streams
from tfrecords.durable import files

# Reported by work that is not at an item: it may take any time.
BETWEEN_ITEMS = -1

# Beyond what a worker needs when it starts: an image of 64 million pixels, the largest
# allowed, takes a few times three bytes a pixel.
_ITEM_MEMORY_BYTES = 4 << 30
# A worker that starts, or stays at one item, for so long is killed: a decoder in an
# endless loop of C code, or a process that somebody stopped.
_STALL_SECONDS = 300.0
_POLL_SECONDS = 0.2
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_STARTING = -2
_STARTING_LOCK = threading.Lock()
_REMEDY = (
    "Check that there is enough memory, or try a smaller --num_workers, and run the "
    "same command again."
)


class Task(Protocol):
    """What workers work on; it is pickled."""

    @property
    def name(self) -> str:
        """Unique; for error messages."""


_Task = TypeVar("_Task", bound=Task)
_Result = TypeVar("_Result")

# Called with a task, the reasons of its rejected items by position, and a function to
# be called with the position of each item (0, 1, ...) or `BETWEEN_ITEMS`.
Work = Callable[[_Task, Mapping[int, str], Callable[[int], None]], _Result]


@dataclasses.dataclass
class _Worker(Generic[_Task]):
    slot: int
    process: Any
    connection: connection.Connection[Any, Any]
    task: _Task | None = None
    last_position: int = _STARTING
    last_change: float = 0.0


def count_processors() -> int:
    """The processors that this process may use (`taskset` and containers count)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_num_workers(num_workers: int | None) -> int:
    """`num_workers`, or one for every processor; raises `UserError` if below 1."""
    if num_workers is None:
        return count_processors()
    if num_workers < 1:
        raise errors.UserError(
            f"--num_workers={num_workers} is too small: at least one process is needed."
        )
    return num_workers


class WorkerPool(Generic[_Task, _Result]):
    """Works on tasks with several processes; use it as a context manager.

    Args:
      work: see `Work`; pickled once for each worker.
      num_workers: how many processes; see `check_num_workers`.
      in_process_if_alone: whether a single worker is this process, in which nothing
        guards against an item that ends the process.
    """

    def __init__(
        self,
        work: Work[_Task, _Result],
        num_workers: int | None,
        in_process_if_alone: bool = False,
    ):
        num_workers = check_num_workers(num_workers)
        self._work = work
        self._num_workers = num_workers
        self._is_in_process = in_process_if_alone and num_workers == 1
        self._context = multiprocessing.get_context("spawn")
        # In shared memory, or if there is none in a file in the temporary directory.
        with files.storage_errors(os.path.join(tempfile.gettempdir(), "memory")):
            self._positions = self._context.RawArray("q", [_STARTING] * num_workers)
        self._workers: list[_Worker[_Task]] = []
        self._losses: dict[str, int] = {}
        self._rejected: dict[str, dict[int, str]] = {}

    def __enter__(self) -> WorkerPool[_Task, _Result]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    @property
    def num_items_begun(self) -> int:
        """Items that the workers have passed in their unfinished tasks."""
        return sum(max(0, self._positions[w.slot]) for w in self._workers if w.task)

    def run(
        self, tasks: Sequence[_Task], report: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[_Task, _Result]]:
        """Yields each task with its result, in the order in which they are finished.

        `report` is called several times a second; it may raise to stop. When all tasks
        are finished, the workers wait for another call.

        Raises:
          UserError: if a worker raised it, could not start, or died twice at different
            items.
          OSError, MemoryError: if a worker raised it.
          RuntimeError: for any other exception in a worker, with its traceback.
        """
        if self._is_in_process:
            for task in tasks:
                yield task, self._work(task, {}, lambda position: None)
            return
        waiting = deque(tasks)
        for slot in range(len(self._workers), min(self._num_workers, len(waiting))):
            self._workers.append(self._start(slot))
        for worker in self._workers[: len(waiting)]:
            self._give(worker, waiting.popleft())
        while any(worker.task for worker in self._workers):
            report()
            connection.wait(
                [w.connection for w in self._workers if w.task]
                + [w.process.sentinel for w in self._workers if w.task],
                timeout=_POLL_SECONDS,
            )
            for index, worker in enumerate(self._workers):
                if worker.task is None:
                    continue
                finished = self._receive(worker)
                if finished:
                    task, worker.task = worker.task, None
                    if waiting:
                        self._give(worker, waiting.popleft())
                    yield task, finished[0]
                elif not worker.process.is_alive():
                    self._workers[index] = self._replace(worker)
                else:
                    self._end_if_stalled(worker)
        report()

    def _start(self, slot: int) -> _Worker[_Task]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, self._positions, slot, self._work), daemon=True
        )
        # The environment belongs to all threads that start workers.
        with _STARTING_LOCK, _one_thread_each(), stop_signals.deaf_processes():
            process.start()
        theirs.close()
        return _Worker(slot, process, ours)

    def _give(self, worker: _Worker[_Task], task: _Task) -> None:
        self._positions[worker.slot] = worker.last_position = _STARTING
        worker.last_change = time.monotonic()
        worker.task = task
        # `run` notices a worker that has already died, and replaces it.
        with contextlib.suppress(BrokenPipeError):
            worker.connection.send((task, self._rejected.get(task.name, {})))

    def _receive(self, worker: _Worker[_Task]) -> tuple[_Result] | None:
        try:
            if not worker.connection.poll():
                return None
            answer = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join()
            return None
        if isinstance(answer, BaseException):
            raise answer
        return (answer,)

    def _replace(self, lost: _Worker[_Task]) -> _Worker[_Task]:
        """A new worker with the lost one's task, less an item that killed two."""
        assert lost.task is not None
        how = _describe_end(lost.process.exitcode)
        position = self._positions[lost.slot]
        name = lost.task.name
        lost.connection.close()
        if position == _STARTING:
            raise errors.UserError(
                f"a worker process ended while it was starting ({how}). {_REMEDY}"
            )
        previous = self._losses.pop(name, None)
        if previous == position != BETWEEN_ITEMS:
            reason = f"decoding it ended the worker process twice ({how})"
            self._rejected.setdefault(name, {})[position] = reason
        elif previous is not None:
            raise errors.UserError(
                f"the worker process for {name} died twice ({how}), not at the same "
                f"image. {_REMEDY}"
            )
        else:
            self._losses[name] = position
        worker = self._start(lost.slot)
        self._give(worker, lost.task)
        return worker

    def _end_if_stalled(self, worker: _Worker[_Task]) -> None:
        position, now = self._positions[worker.slot], time.monotonic()
        if position != worker.last_position or position == BETWEEN_ITEMS:
            worker.last_position, worker.last_change = position, now
        elif now - worker.last_change > _STALL_SECONDS:
            worker.process.kill()
            worker.process.join()


def _describe_end(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside compute with one thread: there is one per core."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name in _THREAD_VARIABLES:
            del os.environ[name]
        os.environ.update({n: v for n, v in before.items() if v is not None})


def _serve(
    parent: connection.Connection[Any, Any],
    positions: Any,
    slot: int,
    work: Work[Any, Any],
) -> None:
    """The worker process: receives tasks and sends results until the pool ends."""
    streams.take_streams()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _limit_memory()

    def report_position(position: int) -> None:
        positions[slot] = position

    while True:
        try:
            task, rejected = parent.recv()
        except EOFError:
            return
        report_position(BETWEEN_ITEMS)
        answer: Any
        try:
            answer = work(task, rejected, report_position)
        except (errors.UserError, OSError, MemoryError) as error:
            answer = error
        except Exception:
            answer = RuntimeError(f"in a worker process:\n{traceback.format_exc()}")
        parent.send(answer)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _limit_memory() -> None:
    try:
        with open("/proc/self/statm") as file:
            in_use = int(file.read().split()[0]) * resource.getpagesize()
    except FileNotFoundError:  # not Linux
        return
    limit = in_use + _ITEM_MEMORY_BYTES
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
