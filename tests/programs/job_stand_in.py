"""Stands in for Beam's pipeline, where Beam is not installed: writes the same shards.

Called as `main(FAULT)` by the driver's tests in place of `pipeline.main`. FAULT: ""
none, "fail" before the first shard, "idle" for a success that writes nothing, "twice"
for a runner that starts every task twice at a time.
"""

from __future__ import annotations

import sys
from concurrent import futures

from tfrecords.conversion.beam import worker
from tfrecords.conversion.beam.job_files import JobRequest


def main(fault: str = "") -> None:
    """Writes the requested shards in two threads, as a Beam worker does."""
    request = JobRequest.from_json(sys.stdin.readline())
    if fault == "fail":
        sys.exit("the cluster is on fire")
    names = [] if fault == "idle" else list(request.shards)
    parts = (names, names) if fault == "twice" else (names[::2], names[1::2])

    def write(part: list[str]) -> None:
        writer = worker.ShardWriter(request.job)
        try:
            for name in part:
                writer.write(name)
        finally:
            writer.close()

    with futures.ThreadPoolExecutor() as pool:
        list(pool.map(write, parts))
