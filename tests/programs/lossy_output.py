"""Prints more than a buffer holds, and writes a file in between: its work.

python -m tests.programs.lossy_output [--is_work]
"""

from __future__ import annotations

import contextlib
import os

from absl import flags

from tfrecords import errors
from tfrecords.console import command_line, progress

_IS_WORK = flags.DEFINE_bool("is_work", False, "Whether the output is the work.")


def main() -> None:
    """Prints, writes `made`, and finds a fault unless the output is the work."""
    line = progress.LiveLine()
    for number in range(2000):
        print("a line that somebody may read", number)
        line.show(f"line {number}")
    with open("made", "w") as file:
        # No file may get the number of a standard stream.
        file.write(str(file.fileno() > 2))
        for descriptor in (1, 2):
            with contextlib.suppress(OSError):
                os.write(descriptor, b"from C")
        file.write("!")
    print("a last line")
    if not _IS_WORK.value:
        raise errors.DataError("the work found a fault")


if __name__ == "__main__":
    command_line.run(main, __name__, "Says.", prints_result=lambda: _IS_WORK.value)
