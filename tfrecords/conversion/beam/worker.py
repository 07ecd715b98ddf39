"""What a Beam worker does with a shard: the same as the local converter's worker.

A worker of Beam runs its functions in threads, and dies with whatever kills the
process. Here each of its threads that converts has a process for it, from the
converter's pool: an image whose decoder crashes, stalls or asks for too much memory is
rejected by the same rule, and the images' code needs no thread safety.
"""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Callable, Mapping

from tfrecords import errors, limits
from tfrecords.console import worker_pool
from tfrecords.conversion import plan, shard_writer
from tfrecords.conversion.beam.job_files import JobFiles, JobPlan

_REPORT_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class ShardTask:
    """The pool's task: a shard of the job's plan, by name."""

    name: str


class ShardWork:
    """Writes shards in a process of the pool; see `worker_pool.Work`."""

    def __init__(self, job: JobFiles):
        self._job = job
        self._plan: JobPlan | None = None
        self._directory = ""

    def __call__(
        self,
        task: ShardTask,
        rejected: Mapping[int, str],
        report_position: Callable[[int], None],
    ) -> None:
        """Writes a shard and hands it over; raises as `shard_writer.write_shard`."""
        if self._plan is None:
            limits.prepare()
            self._plan = self._job.read_plan()
            _check_versions(self._plan)
            self._directory = self._job.make_worker_directory()
        result = shard_writer.write_shard(
            self._plan.source,
            self._plan.settings,
            self._directory,
            self._plan.shards[task.name],
            rejected,
            report_position,
        )
        self._job.add_result(task.name, result)


def _check_versions(the_plan: JobPlan) -> None:
    """Raises `UserError` if this machine would make other bytes than the driver's."""
    here = plan.find_versions(the_plan.settings)
    if differences := plan.find_differences(the_plan.versions, here):
        raise errors.UserError(
            f"the worker on {socket.gethostname()} has other versions than the "
            f"machine that started the job ({'; '.join(differences)}) and would make "
            "other bytes. Install the same versions on all machines."
        )


class ShardWriter:
    """A process that writes one shard at a time, started with the first."""

    def __init__(self, job: JobFiles):
        self._job = job
        self._pool: worker_pool.WorkerPool[ShardTask, None] | None = None
        self._last_report = float("-inf")

    def write(self, name: str) -> None:
        """Writes a shard; the driver finds it in the job's directory.

        An exception is reported to the driver and raised. Work for a job that has ended
        stops within a second or two.
        """
        if self._pool is None:
            self._pool = worker_pool.WorkerPool(ShardWork(self._job), 1)
        pool = self._pool

        def report() -> None:
            now = time.monotonic()
            if now - self._last_report >= _REPORT_SECONDS:
                self._last_report = now
                self._job.set_num_begun(name, pool.num_items_begun)

        try:
            for _ in pool.run([ShardTask(name)], report):
                pass
        except Exception as error:
            self.close()
            self._job.add_error(name, error)
            raise

    def close(self) -> None:
        """Ends the process."""
        if self._pool is not None:
            self._pool.__exit__(None, None, None)
            self._pool = None
