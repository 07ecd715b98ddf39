"""Processes that write shards, each one at a time; any of them may die.

`concurrent.futures` gives up all work when one process dies and does not say which
job it had. Here the parent knows what every worker is doing, down to the image: a
shard whose worker dies or stalls is made again from its start, and an image that
ends its worker twice is rejected.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import resource
import signal
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from typing import Any

from tfrecords import errors
from tfrecords.console import stop_signals, streams
from tfrecords.conversion import plan, shard_writer
from tfrecords.durable import files
from tfrecords.sources import Source

# Beyond what a worker needs at its start; an image within the limit of pixels takes
# a few times 64 million pixels of three bytes.
_IMAGE_MEMORY_BYTES = 4 << 30
# Without a new image for so long, a worker is killed: a decoder in an endless loop
# of C code, a process stopped by someone.
_STALL_SECONDS = 300.0
_POLL_SECONDS = 0.2
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_STARTING = -1


@dataclasses.dataclass
class _Worker:
    slot: int
    process: Any
    connection: connection.Connection
    shard: plan.ShardPlan | None = None
    last_position: int = _STARTING
    last_change: float = 0.0


class WorkerPool:
    """Writes shards with several processes; use it as a context manager.

    Args:
      source: sent once to each worker.
      settings: as decided by `plan.make_plan`.
      data_dir: where the workers write their temporary files.
      num_workers: how many processes.
    """

    def __init__(
        self,
        source: Source,
        settings: plan.ConvertSettings,
        data_dir: str,
        num_workers: int,
    ):
        self._arguments = (source, settings, data_dir)
        # Forked processes would inherit locks and threads in any state.
        self._context = multiprocessing.get_context("spawn")
        # In a file of shared memory, or where there is none in the temporary directory.
        with files.storage_errors(os.path.join(tempfile.gettempdir(), "memory")):
            self._positions = self._context.RawArray("q", [_STARTING] * num_workers)
        self._num_workers = num_workers
        self._workers: list[_Worker] = []
        self._losses: dict[str, int] = {}
        self._rejected: dict[str, dict[int, str]] = {}
        self._num_done = 0

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    @property
    def num_done(self) -> int:
        """Images converted or rejected so far by this pool."""
        at_work = sum(max(0, self._positions[w.slot]) for w in self._workers if w.shard)
        return self._num_done + at_work

    def run(
        self, shards: Sequence[plan.ShardPlan], report: Callable[[], None]
    ) -> Iterator[tuple[plan.ShardPlan, shard_writer.ShardResult]]:
        """Writes `shards`, yielding each as it is finished.

        Args:
          shards: what to write.
          report: called several times a second; may raise to stop.

        Raises:
          UserError: whatever a worker raised, or the sentence about a worker that
            died and died again.
        """
        waiting = deque(shards)
        for slot in range(min(self._num_workers, len(waiting))):
            self._workers.append(self._start(slot))
        for worker in self._workers:
            self._give(worker, waiting.popleft())
        while any(worker.shard for worker in self._workers):
            report()
            connection.wait(
                [w.connection for w in self._workers if w.shard]
                + [w.process.sentinel for w in self._workers if w.shard],
                timeout=_POLL_SECONDS,
            )
            for index, worker in enumerate(self._workers):
                if worker.shard is None:
                    continue
                shard, result = worker.shard, self._receive(worker)
                if result is not None:
                    worker.shard = None
                    self._num_done += len(shard.rows)
                    if waiting:
                        self._give(worker, waiting.popleft())
                    yield shard, result
                elif not worker.process.is_alive():
                    self._workers[index] = self._replace(worker)
                else:
                    self._end_if_stalled(worker)
        report()

    def _start(self, slot: int) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work,
            args=(theirs, self._positions, slot, os.getpid(), *self._arguments),
            daemon=True,
        )
        with _one_thread_each(), stop_signals.deaf_processes():
            process.start()
        theirs.close()
        return _Worker(slot, process, ours)

    def _give(self, worker: _Worker, shard: plan.ShardPlan) -> None:
        self._positions[worker.slot] = worker.last_position = _STARTING
        worker.last_change = time.monotonic()
        worker.shard = shard
        # A worker that is gone already is noticed, and replaced, by the loop.
        with contextlib.suppress(BrokenPipeError):
            worker.connection.send((shard, self._rejected.get(shard.name, {})))

    def _receive(self, worker: _Worker) -> shard_writer.ShardResult | None:
        try:
            if not worker.connection.poll():
                return None
            answer = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join()
            return None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _replace(self, lost: _Worker) -> _Worker:
        """A new worker with the lost one's shard, less an image that killed two."""
        assert lost.shard is not None
        how = _describe_end(lost.process.exitcode)
        position = self._positions[lost.slot]
        name = lost.shard.name
        lost.connection.close()
        if position == _STARTING:
            raise errors.UserError(
                f"a worker process ended before it began ({how}). Is there enough "
                "memory? Try a smaller --num_workers and run the same command again."
            )
        previous = self._losses.pop(name, None)
        if previous == position < len(lost.shard.rows):
            reason = f"decoding it ended the worker process twice ({how})"
            self._rejected.setdefault(name, {})[position] = reason
        elif previous is not None:
            raise errors.UserError(
                f"the worker process of {name} ended twice ({how}), at different "
                "images. Is there enough memory? Try a smaller --num_workers and run "
                "the same command again: finished shards are kept."
            )
        else:
            self._losses[name] = position
        worker = self._start(lost.slot)
        self._give(worker, lost.shard)
        return worker

    def _end_if_stalled(self, worker: _Worker) -> None:
        position, now = self._positions[worker.slot], time.monotonic()
        if position != worker.last_position:
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
    """Processes started inside compute with one thread: there is one a core."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(
    parent: connection.Connection,
    positions: Any,
    slot: int,
    parent_id: int,
    source: Source,
    settings: plan.ConvertSettings,
    data_dir: str,
) -> None:
    streams.take_streams()
    _limit_memory()

    def report_position(position: int) -> None:
        if os.getppid() != parent_id:
            os._exit(1)
        positions[slot] = position

    while True:
        try:
            shard, rejected = parent.recv()
        except EOFError:
            return
        answer: Any
        try:
            answer = shard_writer.write_shard(
                source, shard, settings, data_dir, rejected, report_position
            )
        except errors.UserError as error:
            answer = error
        except Exception:
            answer = RuntimeError(f"in a worker process:\n{traceback.format_exc()}")
        parent.send(answer)


def _limit_memory() -> None:
    try:
        with open("/proc/self/statm") as file:
            in_use = int(file.read().split()[0]) * resource.getpagesize()
    except FileNotFoundError:  # no Linux
        return
    limit = in_use + _IMAGE_MEMORY_BYTES
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
