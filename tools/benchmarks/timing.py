"""Contestants take turns: what is compared is measured side by side.

Every contestant is a process of its own, so that the thread pools of one library never
stand in another's way, and waits without using the processor while others run. A
machine that grows slower for a while slows them all.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


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
        self._process = subprocess.Popen(
            command,
            cwd=_CHECKOUT,
            env=dict(environment) if environment is not None else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.description = self._read()

    def run(self) -> float:
        """Has it called once; returns the seconds that it took."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("run\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # Its reason is read below.
        return float(self._read())

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            _, errors = self._process.communicate()
            last = errors.strip().splitlines()[-1:] or ["it wrote nothing"]
            raise ContestantError(last[0])
        return line.strip()


def measure(
    contestants: Mapping[str, Contestant], rounds: int, warm_up: int = 1
) -> dict[str, Timing]:
    """Times contestants in turn.

    Args:
      contestants: by name.
      rounds: in each of which every contestant runs once, another one first each time.
      warm_up: rounds before, which do not count.

    Returns:
      The timings by name.
    """
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(warm_up + rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            elapsed = contestants[name].run()
            if number >= warm_up:
                seconds[name].append(elapsed)
    return {name: summarize(values) for name, values in seconds.items()}
