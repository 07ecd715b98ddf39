"""A process that runs commands one after another, so that TensorFlow loads once.

Use it where a command's exit code and output are tested, and a process of its own
(`tests.processes`) where signals, kills or the first imports are.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from tests import processes


class CommandWorker:
    """Sends requests to `tests/programs/run_commands.py`, see there."""

    def __init__(self) -> None:
        self._messages = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.programs.run_commands"],
            cwd=pathlib.Path(__file__).parents[1],
            env=processes.make_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            text=True,
        )

    def run(
        self, *arguments: str | os.PathLike[str]
    ) -> subprocess.CompletedProcess[str]:
        """What `processes.run_python` would return for a module or a script.

        Args:
          *arguments: "-m", a module and its flags, or a script's path and its flags.
        """
        words = [os.fspath(argument) for argument in arguments]
        kind, (target, *flags) = (
            ("module", words[1:]) if words[0] == "-m" else ("file", words)
        )
        answer = self.ask(kind, target, flags)
        return subprocess.CompletedProcess(
            words, answer["code"], answer["stdout"], answer["stderr"]
        )

    def ask(
        self,
        kind: str,
        target: str | os.PathLike[str],
        arguments: Sequence[str] = (),
        *,
        folder: str | os.PathLike[str] = "",
        only_flags: bool = False,
        tiny: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Sends one request and returns its answer; `folder` is this process's own."""
        asked = {
            "kind": kind,
            "target": os.fspath(target),
            "arguments": list(arguments),
            "folder": os.fspath(folder) or os.getcwd(),
            "only_flags": only_flags,
            "tiny": tiny,
        }
        assert self._process.stdin and self._process.stdout
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            self._messages.seek(0)
            raise RuntimeError(f"the process died:\n{self._messages.read()}")
        return json.loads(line)

    def close(self) -> None:
        """Kills the process, which holds nothing that is worth tidying up."""
        self._process.kill()
        self._process.communicate()
        self._messages.close()
