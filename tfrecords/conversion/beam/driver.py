"""Writes the missing shards of a conversion with a Beam job, and watches over it.

The driver, the process of `alexnet-convert`, holds the data directory's lock. It starts
the job in a process group of its own, takes over the shards that workers finish, while
the job runs, and ends the job when the conversion is to stop.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import IO

from tfrecords import errors
from tfrecords.conversion import plan
from tfrecords.conversion.beam import job_files
from tfrecords.conversion.shard_writer import ShardResult
from tfrecords.sources import Source

_PROGRAM = "from tfrecords.conversion.beam import pipeline; pipeline.main()"
_POLL_SECONDS = 0.5
# A network file system may show a file to other machines a minute late.
_VISIBLE_SECONDS = 90.0
# For a finished job to end by itself, or a cluster to be told that a job is cancelled.
_END_SECONDS = 15.0
_SHOWN_LINES = 30


@dataclasses.dataclass(frozen=True)
class BeamWriter:
    """A `convert.WriteShards` that runs a Beam job."""

    runner: str  # one of `runners.BEAM_RUNNERS`
    arguments: Sequence[str]  # Beam's, from `runners.check`

    def __call__(
        self,
        source: Source,
        the_plan: plan.Plan,
        data_dir: str,
        missing: Sequence[plan.ShardPlan],
        report: Callable[[int], None],
    ) -> Generator[tuple[plan.ShardPlan, ShardResult], None, None]:
        """Yields each missing shard as a worker finishes it.

        Raises:
          UserError: if a worker raised it, or the job failed; Beam's last messages are
            printed before.
          RuntimeError: for any other exception in a worker.
        """
        remaining = {shard.name: shard for shard in missing}
        versions = plan.find_versions(the_plan.settings)
        job = job_files.create(
            data_dir,
            job_files.JobPlan(source, the_plan.settings, versions, dict(remaining)),
        )
        try:
            with self._run(job, list(remaining)) as (process, log):
                end_time = None
                while remaining:
                    # Before the files: when the job has ended, there will be no more.
                    code = process.poll()
                    for name, result in job.read_results(remaining):
                        yield remaining.pop(name), result
                    report(job.count_begun(remaining))
                    job.raise_error()
                    if not remaining:
                        break
                    if code is not None:
                        end_time = end_time or time.monotonic()
                        waited = time.monotonic() - end_time
                        if code or waited > _VISIBLE_SECONDS:
                            _show_end(log)
                            raise _explain_end(self.runner, code, data_dir, remaining)
                    time.sleep(_POLL_SECONDS)
        finally:
            shutil.rmtree(job.directory, ignore_errors=True)

    @contextlib.contextmanager
    def _run(
        self, job: job_files.JobFiles, names: list[str]
    ) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
        """A running job and the file of its messages; afterwards all has ended."""
        request = job_files.JobRequest(self.runner, self.arguments, job, names)
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # A terminal's Ctrl-C is for the driver alone.
                start_new_session=True,
            )
            assert process.stdin is not None
            try:
                # It may have died; that is noticed where it is watched.
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(request.to_json().encode() + b"\n")
                    process.stdin.flush()
                yield process, log
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)
            finally:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the job: a cluster's is cancelled, and all processes here are killed."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


def _show_end(log: IO[bytes]) -> None:
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    print("\n".join(["", *lines[-_SHOWN_LINES:]]), file=sys.stderr)


def _explain_end(
    runner: str, code: int, data_dir: str, remaining: dict[str, plan.ShardPlan]
) -> errors.UserError:
    first = min(remaining)
    if code:
        how = f"ended with exit code {code}; its last messages are above"
        remedy = "Correct what they say"
    else:
        how = f"reports success, but {first} is not in {data_dir}"
        remedy = "Make the directory one that all machines share at the same path"
    return errors.UserError(
        f"the Beam job (--runner={runner}) {how}. {remedy}, and run the same command "
        "again: finished shards are kept."
    )
