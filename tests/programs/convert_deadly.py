"""Converts drawn images, one of which ends the worker that reads it.

python -m tests.programs.convert_deadly FOLDER FAULT ROW

FAULT is one of `tests.tfrecords.drawn_source.DrawnSource`, at the training row ROW;
FOLDER/data is the data directory.
"""

from __future__ import annotations

import dataclasses
import sys

from tests.tfrecords import conversions, drawn_source
from tfrecords.console import command_line
from tfrecords.conversion import convert

SIZES = {"train": 25, "validation": 4}
_SETTINGS = dataclasses.replace(
    conversions.SETTINGS, num_shards={"train": 3, "validation": 1}, max_rejects=1
)


def main(folder: str, fault: str, row: str) -> None:
    """Converts with two workers."""
    source = drawn_source.DrawnSource(
        SIZES, fault=fault, fault_dir=folder, fault_row=int(row)
    )
    convert.convert(source, f"{folder}/data", _SETTINGS, num_workers=2)


if __name__ == "__main__":
    ARGUMENTS = sys.argv[1:]
    del sys.argv[1:]
    command_line.run(lambda: main(*ARGUMENTS), __name__, "Converts.")
