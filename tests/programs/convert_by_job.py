"""Converts the drawn images of the converter's tests with a Beam job.

  python -m tests.programs.convert_by_job DATA_DIR SECONDS_PER_IMAGE PROGRAM

PROGRAM is what the job's process runs in place of the pipeline; "" for Beam's pipeline.
"""

from __future__ import annotations

import sys

from tests.tfrecords import drawn_source
from tests.tfrecords.conversions import SETTINGS, SIZES
from tfrecords.console import command_line
from tfrecords.conversion import convert
from tfrecords.conversion.beam import driver

DIRECT = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


def main(data_dir: str, seconds: str, program: str) -> None:
    """Converts with two workers."""
    if program:
        driver._PROGRAM = program
    source = drawn_source.DrawnSource(SIZES, delay=float(seconds))
    writer = driver.BeamWriter("direct", DIRECT)
    convert.convert(source, data_dir, SETTINGS, write_shards=writer)


if __name__ == "__main__":
    ARGUMENTS = sys.argv[1:]
    del sys.argv[1:]
    command_line.run(lambda: main(*ARGUMENTS), __name__, "Converts.")
