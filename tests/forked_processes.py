"""Runs Python in processes that begin with TensorFlow imported.

Use it where a process of its own is tested (signals, kills, exit codes, first steps).
Where imports are tested, `tests.processes` starts a new interpreter, which takes
seconds longer. Programs that need no process of their own share
`tests.command_worker`.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO, Any

from tests import processes


class ForkedProcess:
    """A running program, used as a `subprocess.Popen` with text output is.

    Attributes:
      pid: its process's number.
      returncode: None while it runs, else its exit code, or minus the signal's number.
      stdout, stderr: text files to read, or None where a file was given.
    """

    def __init__(
        self,
        *arguments: str | os.PathLike[str],
        stdout: IO[Any] | None = None,
        stderr: IO[Any] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        preload: str = "",
        **changes: str,
    ) -> None:
        """Starts `python *arguments` in `cwd`, its environment changed by `changes`.

        `preload` is a shared library that the dynamic linker loads first; the process
        then leads a group of its own.
        """
        self.returncode: int | None = None
        self.args = [os.fspath(argument) for argument in arguments]
        asked = {
            "arguments": self.args,
            "folder": os.fspath(cwd or os.getcwd()),
            "environment": processes.make_environment(**changes),
            "leads_group": bool(preload),
        }
        self._server = _start_server(preload)
        self.stdout, written = _make_ends(stdout)
        self.stderr, written_too = _make_ends(stderr)
        self.pid = self._server.start(asked, [written, written_too])
        os.close(written)
        os.close(written_too)

    def poll(self) -> int | None:
        """The return code, or None while it runs."""
        if self.returncode is None:
            self.returncode = self._server.find_code(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end.

        Raises:
          subprocess.TimeoutExpired: after `timeout` seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                assert timeout is not None
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.005)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Reads its output to the end and waits for its end; see `wait`."""
        texts = ["", ""]

        def read(row: int, stream: IO[str]) -> None:
            texts[row] = stream.read()

        readers = [
            threading.Thread(target=read, args=pair, daemon=True)
            for pair in enumerate((self.stdout, self.stderr))
            if pair[1] is not None
        ]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join(timeout)
        return texts[0], texts[1]

    def send_signal(self, number: int) -> None:
        """Sends a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Sends SIGKILL."""
        self.send_signal(signal.SIGKILL)


def run_python(
    *arguments: str | os.PathLike[str],
    timeout: float = 120,
    cwd: str | os.PathLike[str] | None = None,
    preload: str = "",
    **changes: str,
) -> subprocess.CompletedProcess[str]:
    """What `processes.run_python` does, with TensorFlow imported before.

    `preload` is explained in `ForkedProcess`.

    Raises:
      subprocess.TimeoutExpired: after `timeout` seconds.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = ForkedProcess(
            *arguments,
            stdout=output,
            stderr=errors,
            cwd=cwd,
            preload=preload,
            **changes,
        )
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(
            process.args, code, output.read(), errors.read()
        )


class _Server:
    """The process that forks; see `tests/programs/fork_programs.py`."""

    def __init__(self, preload: str) -> None:
        changes = {"LD_PRELOAD": preload} if preload else {}
        self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.programs.fork_programs"],
            cwd=pathlib.Path(__file__).parents[1],
            env=processes.make_environment(**changes),
            stdin=other,
        )
        other.close()
        self._codes: dict[int, int] = {}

    def start(self, asked: dict[str, Any], descriptors: list[int]) -> int:
        """Starts a program and returns its process's number."""
        message = json.dumps(asked).encode()
        socket.send_fds(self._channel, [message], descriptors)
        while (answer := self._read()) is None or "status" in answer:
            pass
        return answer["pid"]

    def find_code(self, pid: int) -> int | None:
        """A program's return code, or None while it runs."""
        self._channel.setblocking(False)
        try:
            while pid not in self._codes and self._read():
                pass
        except BlockingIOError:
            return None
        finally:
            self._channel.setblocking(True)
        return self._codes.pop(pid)

    def _read(self) -> dict[str, int]:
        message = self._channel.recv(1 << 16)
        if not message:
            raise RuntimeError(f"the forking process ended: {self._process.wait()}")
        answer: dict[str, int] = json.loads(message)
        if "status" in answer:
            code = os.waitstatus_to_exitcode(answer["status"])
            self._codes[answer["pid"]] = code
        return answer

    def close(self) -> None:
        """Ends it."""
        self._channel.close()
        self._process.wait()


@functools.cache
def _start_server(preload: str) -> _Server:
    server = _Server(preload)
    atexit.register(server.close)
    return server


def _make_ends(file: IO[Any] | None) -> tuple[IO[str] | None, int]:
    """The file to read, if none is given, and the descriptor to write to."""
    if file is not None:
        return None, os.dup(file.fileno())
    read, written = os.pipe()
    return open(read, encoding="utf-8", errors="replace"), written
