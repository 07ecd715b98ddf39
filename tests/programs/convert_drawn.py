"""Converts the drawn images of the converter's tests.

  python -m tests.programs.convert_drawn DATA_DIR SECONDS_PER_IMAGE [MAX_FILE_BYTES]

The limit on files holds from the start of the workers on.
"""

from __future__ import annotations

import resource
import sys

from tests.tfrecords import drawn_source
from tests.tfrecords.conversions import SETTINGS, SIZES
from tfrecords.console import command_line, worker_pool
from tfrecords.conversion import convert


class LimitedPool(worker_pool.WorkerPool):
    """A pool that limits the size of files once it is made."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.max_file_bytes,) * 2)


def main(data_dir: str, seconds: str, max_file_bytes: str | None = None) -> None:
    """Converts with two workers."""
    if max_file_bytes is not None:
        LimitedPool.max_file_bytes = int(max_file_bytes)
        worker_pool.WorkerPool = LimitedPool
    source = drawn_source.DrawnSource(SIZES, delay=float(seconds))
    convert.convert(source, data_dir, SETTINGS, 2)


if __name__ == "__main__":
    ARGUMENTS = sys.argv[1:]
    del sys.argv[1:]
    command_line.run(lambda: main(*ARGUMENTS), __name__, "Converts.")
