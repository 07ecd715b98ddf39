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

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


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
            cwd=CHECKOUT,
            env=dict(environment) if environment is not None else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
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
    """Times contestants in turn; the arguments are those of `collect_answers`."""
    answers = collect_answers(contestants, rounds, warm_up)
    return {name: summarize(seconds) for name, seconds in answers.items()}


def collect_answers(
    contestants: Mapping[str, Contestant], rounds: int, warm_up: int = 1
) -> dict[str, list[Any]]:
    """Has contestants called in turn.

    Args:
      contestants: by name.
      rounds: in each of which every contestant runs once, another one first each time.
      warm_up: rounds before, which do not count.

    Returns:
      The answers by name, one for each round.
    """
    names = list(contestants)
    answers: dict[str, list[Any]] = {name: [] for name in names}
    for number in range(warm_up + rounds):
        first = number % max(1, len(names))
        for name in names[first:] + names[:first]:
            answer = contestants[name].run()
            if number >= warm_up:
                answers[name].append(answer)
    return answers
