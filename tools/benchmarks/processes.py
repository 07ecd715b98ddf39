"""What a command needs: its time and memory, watched from outside.

Memory is what lies in RAM (resident set), summed over the command and all its
descendants; pages that they share count once for each. It is looked at 20 times a
second: a shorter peak can be missed.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from tfrecords import errors
from tools.benchmarks.timing import CHECKOUT

_SECONDS_BETWEEN_LOOKS = 0.05


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a command needed.

    Attributes:
      seconds: from its start to its end.
      peak_bytes: of all its processes together.
      largest_bytes: of the one process that had most.
    """

    seconds: float
    peak_bytes: int
    largest_bytes: int


def make_command(module: str, *arguments: str) -> list[str]:
    """`python -m module`, with the interpreter that runs this."""
    return [sys.executable, "-m", module, *arguments]


def watch(command: Sequence[str], look: Callable[[int], Any] = lambda _: None) -> Usage:
    """Runs a command to its end.

    Args:
      command: its arguments; it runs in the checkout.
      look: called with the bytes of all processes, at every look.

    Returns:
      What it needed.

    Raises:
      UserError: where it fails, with the end of what it wrote; or without psutil.
    """
    try:
        import psutil
    except ImportError as error:
        raise errors.UserError(
            "memory is read with psutil, which is not installed: pip install psutil."
        ) from error
    peak = largest = 0

    def look_at_memory(process_id: int, _: str) -> None:
        nonlocal peak, largest
        sizes = _read_sizes(psutil, process_id)
        peak = max(peak, sum(sizes))
        largest = max([largest, *sizes])
        look(sum(sizes))

    start = time.perf_counter()
    run(command, look_at_memory, _SECONDS_BETWEEN_LOOKS)
    return Usage(time.perf_counter() - start, peak, largest)


def run(
    command: Sequence[str],
    look: Callable[[int, str], None] = lambda *_: None,
    seconds_between_looks: float = 0.1,
) -> None:
    """Runs a command in the checkout to its end.

    Args:
      command: its arguments.
      look: called again and again with the process's number and what it has written.
      seconds_between_looks: the pause.

    Raises:
      UserError: where it fails, with the last line of what it wrote.
    """
    with tempfile.NamedTemporaryFile("w+", errors="replace") as output:
        child = subprocess.Popen(
            list(command),
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        written = pathlib.Path(output.name)
        try:
            while child.poll() is None:
                look(child.pid, written.read_text(errors="replace"))
                time.sleep(seconds_between_looks)
        finally:
            child.kill()
            child.wait()
        text = written.read_text(errors="replace")
    if child.returncode:
        last = text.strip().splitlines()[-1:] or ["it wrote nothing"]
        raise errors.UserError(f"{' '.join(command)} failed: {last[0]}")


def _read_sizes(psutil: Any, process_id: int) -> list[int]:
    sizes = []
    try:
        root = psutil.Process(process_id)
        for process in [root, *root.children(recursive=True)]:
            try:
                sizes.append(process.memory_info().rss)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue  # It has ended meanwhile.
    except psutil.NoSuchProcess:
        pass  # Likewise.
    return sizes
