"""Contestants take turns: what is compared is measured side by side.

Every contestant is a process of its own, so that the thread pools of one library never
stand in another's way, and waits without using the processor while others run. A
machine that grows slower for a while slows them all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from tfrecords.console import progress

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
# A contestant that has not ended by then is killed.
_SECONDS_TO_END = 10


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one call, over all rounds.

    Attributes:
      median: of the rounds.
      fastest: the shortest.
      slowest: the longest.
      rounds: how many.
    """

    median: float
    fastest: float
    slowest: float
    rounds: int

    @property
    def spread(self) -> float:
        """(slowest - fastest) / median."""
        return (self.slowest - self.fastest) / self.median


def summarize(seconds: Sequence[float]) -> Timing:
    """The timing of a contestant whose rounds took `seconds`, at least one."""
    return Timing(statistics.median(seconds), min(seconds), max(seconds), len(seconds))


class ContestantError(Exception):
    """A contestant that ended; the message is the end of what it wrote."""


class Contestant:
    """A callable in a process of its own; see `worker`.

    Args:
      factory: "module:function" under `tools.benchmarks` that makes the callable.
      arguments: the function's, JSON values.
      environment: variables over this process's.

    Raises:
      ContestantError: where it cannot be made.
    """

    def __init__(
        self,
        factory: str,
        arguments: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
    ):
        command = [
            sys.executable,
            "-m",
            "tools.benchmarks.worker",
            factory,
            json.dumps(dict(arguments)),
        ]
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (`close` does)
        self._process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=dict(environment) if environment is not None else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A file: a pipe that nobody reads is full after 64 kB.
            stderr=self._errors,
            text=True,
        )
        self.description = self._read()

    def run(self) -> Any:
        """Has it called once; returns its answer, else the seconds that it took."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("run\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # Its reason is read below.
        return json.loads(self._read())

    @property
    def process_id(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """Ends the process, which may clear away what it has made."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:] or ["it wrote nothing"]
            raise ContestantError(last[0])
        return line.strip()


def collect_answers(
    contestants: Mapping[str, Contestant],
    rounds: int,
    notes: list[str],
    warm_up: int = 1,
) -> dict[str, list[Any]]:
    """Has contestants called in turn.

    Args:
      contestants: by name.
      rounds: in each of which every contestant runs once, another one first each time.
      notes: gets a sentence on each contestant that ended; it drops out.
      warm_up: rounds before, which do not count.

    Returns:
      The answers by name, one for each round.
    """
    names = list(contestants)
    answers: dict[str, list[Any]] = {name: [] for name in names}
    line = progress.Progress("measuring", (warm_up + rounds) * len(names), "calls")
    for number in range(warm_up + rounds):
        first = number % max(1, len(names))
        for name in names[first:] + names[:first]:
            if name not in answers:
                continue
            try:
                answer = contestants[name].run()
            except ContestantError as error:
                notes.append(f"{name} could not be measured: {error}")
                del answers[name]
                continue
            if number >= warm_up:
                answers[name].append(answer)
            line.advance()
    line.close()
    return answers
