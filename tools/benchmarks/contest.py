"""What every subject needs: its settings, and its contestants taking turns."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any

from tfrecords import progress
from tools.benchmarks.timing import (
    Contestant,
    ContestantError,
    Timing,
    collect_answers,
    summarize,
)

# A contestant by its name: "module:function" under `tools.benchmarks`, and arguments.
Factories = Mapping[str, tuple[str, Mapping[str, object]]]

# What the contestants of a module import and a machine may lack, as Python names it.
_NEEDED = {
    "torch_peer": "torch",
}


@dataclasses.dataclass(frozen=True)
class Options:
    """What is fixed in a measurement.

    Attributes:
      precision: "float32" or "mixed_bfloat16".
      batch_size: pictures per step.
      rounds: turns that count.
      with_peers: whether other programs are measured beside ours.
    """

    precision: str
    batch_size: int
    rounds: int
    with_peers: bool


def measure(
    factories: Factories, options: Options
) -> tuple[dict[str, Timing], list[str]]:
    """Times contestants in turns.

    Args:
      factories: of the contestants, by name.
      options: says how many rounds.

    Returns:
      The timings by name, and sentences on those that could not be made.
    """
    answers, notes = collect(factories, options)
    return {name: summarize(seconds) for name, seconds in answers.items()}, notes


def collect(
    factories: Factories, options: Options, warm_up: int = 1
) -> tuple[dict[str, list[Any]], list[str]]:
    """As `measure`, with every round's answer in place of a timing.

    Args:
      factories: of the contestants, by name.
      options: says how many rounds.
      warm_up: rounds before, which do not count.

    Returns:
      The answers by name, and sentences on contestants that could not be made. An
      answer is what the contestant's call returned, or its seconds where that is None.
    """
    notes: list[str] = []
    with make_contestants(factories, notes) as contestants:
        return collect_answers(contestants, options.rounds, warm_up), notes


@contextlib.contextmanager
def make_contestants(
    factories: Factories, notes: list[str]
) -> Iterator[dict[str, Contestant]]:
    """Contestants for the length of a `with` block.

    Args:
      factories: of the contestants, by name.
      notes: gets a sentence on each that could not be made.
    """
    contestants: dict[str, Contestant] = {}
    line = progress.Progress("preparing", len(factories), "contestants")
    try:
        for name, (factory, arguments) in factories.items():
            needed = _NEEDED.get(factory.partition(":")[0], "tensorflow")
            if not is_installed(needed):
                notes.append(f"{name} is left out: {needed} is not installed.")
            else:
                try:
                    contestants[name] = Contestant(factory, arguments)
                except ContestantError as error:
                    notes.append(f"{name} could not be measured: {error}")
            line.advance()
        line.close()
        yield contestants
    finally:
        for contestant in contestants.values():
            contestant.close()


def is_installed(name: str) -> bool:
    """Whether there is a module `name`, which may lie in a package that is missing."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
