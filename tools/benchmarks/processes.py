"""Runs commands and watches their time, output and memory.

Memory is the resident set of the command and all its descendants, so shared pages count
once per process. It is sampled 20 times a second; a shorter peak can be missed.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tfrecords import errors

_SECONDS_BETWEEN_SAMPLES = 0.05


class Usage(NamedTuple):
    """A command's seconds; peak bytes of all its processes, and of the largest."""

    seconds: float
    peak_bytes: int
    largest_bytes: int


def make_command(module: str, *arguments: str) -> list[str]:
    """`python -m module`, with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def run(
    command: Sequence[str],
    look: Callable[[int, str], None] = lambda *_: None,
    seconds_between_looks: float = 0.1,
) -> str:
    """Runs a command and returns what it printed.

    `look` is called repeatedly with the process id and the output so far. Raises
    `UserError` with the last line of its output, if it fails.
    """
    with tempfile.NamedTemporaryFile() as output:
        child = subprocess.Popen(
            list(command),
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
    return text


def watch(command: Sequence[str], look: Callable[[int], Any] = lambda _: None) -> Usage:
    """Runs a command and measures what it uses.

    `look` is called with the bytes of all its processes, at every sample. Raises
    `UserError` if the command fails, or if psutil is missing.
    """
    try:
        import psutil
    except ImportError as error:
        raise errors.UserError(
            "memory is read with psutil, which is not installed: pip install psutil."
        ) from error
    peak = largest = 0

    def sample(process_id: int, _: str) -> None:
        nonlocal peak, largest
        sizes = _read_sizes(psutil, process_id)
        peak = max(peak, sum(sizes))
        largest = max([largest, *sizes])
        look(sum(sizes))

    start = time.perf_counter()
    run(command, sample, _SECONDS_BETWEEN_SAMPLES)
    return Usage(time.perf_counter() - start, peak, largest)


def _read_sizes(psutil: Any, process_id: int) -> list[int]:
    sizes = []
    try:
        root = psutil.Process(process_id)
        for process in [root, *root.children(recursive=True)]:
            try:
                sizes.append(process.memory_info().rss)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue  # It has just ended.
    except psutil.NoSuchProcess:
        pass  # Likewise.
    return sizes
