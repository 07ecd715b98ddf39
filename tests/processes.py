"""Runs Python in separate processes with the test's import path."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys


def make_environment(**changes: str) -> dict[str, str]:
    """This process's environment, with its import path, and `changes` over it."""
    inherited = dict(os.environ)
    # A command that ran in this process has set it; a user's process begins without.
    inherited.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return {**inherited, "PYTHONPATH": os.pathsep.join(sys.path), **changes}


def run_python(
    *arguments: str | os.PathLike[str],
    timeout: float = 120,
    cwd: str | os.PathLike[str] | None = None,
    **changes: str,
) -> subprocess.CompletedProcess[str]:
    """Runs `python *arguments` in `cwd` to its end; the output is captured as text.

    Raises:
      subprocess.TimeoutExpired: after `timeout` seconds.
    """
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env=make_environment(**changes),
    )


def list_spawned(parent: int) -> list[int]:
    """The processes that multiprocessing has spawned from `parent` and that run."""
    with open(f"/proc/{parent}/task/{parent}/children") as file:
        children = [int(word) for word in file.read().split()]
    found = []
    for child in children:
        with contextlib.suppress(OSError), open(f"/proc/{child}/cmdline") as file:
            if "spawn_main" in file.read():
                found.append(child)
    return found


def find_free_port() -> int:
    """A TCP port that nobody listens on; another process could still take it."""
    with socket.socket() as found:
        found.bind(("", 0))
        port: int = found.getsockname()[1]
        return port
