"""A command that makes a directory and sends itself a signal in the middle.

python -m tests.programs.signalled_command NUMBER heeded|ignored
"""

from __future__ import annotations

import os
import signal
import sys

from tfrecords.console import command_line
from tfrecords.durable import files


def main(number: int) -> None:
    """Makes the directory `made`."""
    with files.atomic_directory("made") as path:
        open(path + "/part", "w").close()
        # `timeout` signals the process and then its group.
        try:
            os.kill(os.getpid(), number)
        finally:
            if number == signal.SIGTERM:
                os.kill(os.getpid(), number)
        print("went on")


if __name__ == "__main__":
    NUMBER, HANDLING = int(sys.argv[1]), sys.argv[2]
    del sys.argv[1:]
    if HANDLING == "ignored":
        signal.signal(NUMBER, signal.SIG_IGN)
    command_line.run(lambda: main(NUMBER), __name__, "Makes a directory.")
