"""The Beam pipeline: a shard is the unit of work.

  names of the missing shards -> Reshuffle (else one worker gets them all) -> write

Nothing comes back through Beam. The workers hand shards over through the job's
directory, where the driver sees them while the job runs, on every runner alike.

`tfrecords.conversion.beam.driver` runs `main` in a process of its own, so that a
conversion can be stopped while Beam is busy, and Beam's threads and signals stay out of
the converter.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.options import pipeline_options

from tfrecords.conversion.beam import worker
from tfrecords.conversion.beam.job_files import JobFiles, JobRequest


class WriteShards(beam.DoFn):
    """Writes the shards whose names it gets; yields nothing."""

    def __init__(self, job: JobFiles):
        self._job = job

    def setup(self) -> None:
        self._writer = worker.ShardWriter(self._job)

    def process(self, name: str) -> Iterator[None]:
        self._writer.write(name)
        return iter(())

    def teardown(self) -> None:
        self._writer.close()


def start(request: JobRequest) -> Any:
    """Runs the pipeline; returns Beam's result, of a running or a finished job."""
    options = pipeline_options.PipelineOptions(list(request.arguments))
    pipeline = beam.Pipeline(
        runner=_make_runner(request.runner, options), options=options
    )
    _ = (
        pipeline
        | "Shards" >> beam.Create(request.shards)
        | "Distribute" >> beam.Reshuffle()
        | "Write" >> beam.ParDo(WriteShards(request.job))
    )
    return pipeline.run()


def _make_runner(name: str, options: Any) -> Any:
    from apache_beam.runners.portability import portable_runner

    if name != "direct":
        return portable_runner.PortableRunner()
    # What Beam calls the direct runner first tries to download another one, and then
    # makes this one, with the options for the workers.
    from apache_beam.portability.api import beam_provision_api_pb2
    from apache_beam.runners.portability.fn_api_runner import fn_runner

    encode = portable_runner.JobServiceHandle.encode_pipeline_options
    provision = beam_provision_api_pb2.ProvisionInfo(
        pipeline_options=encode(options.get_all_options())
    )
    return fn_runner.FnApiRunner(
        provision_info=fn_runner.ExtendedProvisionInfo(provision)
    )


def main() -> None:
    """Runs the job that standard input describes, in one line of JSON.

    Leads a group of processes. When standard input ends, with the driver, all of them
    end. SIGTERM cancels the job of a cluster.
    """
    logging.getLogger().setLevel(logging.WARNING)
    request = JobRequest.from_json(sys.stdin.readline())
    threading.Thread(target=_die_with_driver, daemon=True).start()
    result = start(request)
    # Not an Exception, which Beam's loop would catch.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        result.wait_until_finish()
    except SystemExit:
        result.cancel()
        raise


def _die_with_driver() -> None:
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)
