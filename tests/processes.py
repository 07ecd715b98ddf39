"""Python in a process of its own that imports what the test imports."""

from __future__ import annotations

import os
import subprocess
import sys


def make_environment(**changes: str) -> dict[str, str]:
    """This process's environment, with its import path, and `changes` over it."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **changes}


def run_python(
    *arguments: str | os.PathLike[str], timeout: float = 120, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Runs `python *arguments` to its end; the output is captured as text.

    Raises:
      subprocess.TimeoutExpired: after `timeout` seconds.
    """
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=make_environment(**changes),
    )
