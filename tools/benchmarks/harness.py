"""Times candidates in turns, each in a process of its own, and tabulates the results.

What is compared is measured side by side: in every round each candidate runs once, so a
machine that slows down for a while slows all of them. Separate processes keep the
thread pools of different libraries apart; a waiting candidate uses no processor time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import statistics
import sys
import time
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent import futures
from typing import Any, NamedTuple

from tfrecords import errors
from tfrecords.console import progress

# What is timed. Returns the result of a round, or None: then its seconds count.
Call = Callable[[], Any]
# Prepares a candidate in its process: a function of a module, or a `functools.partial`
# of one, which the process imports by name.
Make = Callable[[], Call]


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of `tools/benchmark.py`, which describes them, by their names.

    None stands for the benchmark's default number, or for images that are drawn.
    """

    precision: str = "float32"
    batch_size: int = 128
    rounds: int = 5
    baselines: bool = True
    width: float = 1.0
    crop_size: int = 224
    reproducible: bool = True
    data_dir: str | None = None
    source_dir: str | None = None
    export_dir: str | None = None
    num_images: int | None = None
    max_images: int = 100_000
    num_steps: int | None = None
    plot: str | None = None

    @property
    def network_settings(self) -> dict[str, object]:
        """The settings of the measured network, by dotted names."""
        return {
            "precision": self.precision,
            "batch_size": self.batch_size,
            "data.crop_size": self.crop_size,
            "model.width": self.width,
            "reproducible": self.reproducible,
            "model.normalization": "auto",
        }

    @property
    def is_paper_size(self) -> bool:
        """Whether the network is as large as the paper's, like PyTorch's here."""
        return self.width == 1 and self.crop_size == 224


@dataclasses.dataclass(frozen=True)
class Result:
    """A table, with a title that has the settings all rows share, and notes below it.

    The header names the columns, separated by " | ". A row has a value per column:
    text, a number, or None for an empty cell.
    """

    title: str
    header: str
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str]

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self.header.split(" | ")


class Summary(NamedTuple):
    """Median of the rounds, and (largest - smallest) / median in per cent."""

    median: float
    spread: float


def summarize(values: Sequence[float]) -> Summary:
    """The median and spread of at least one value."""
    median = statistics.median(values)
    return Summary(median, 100 * (max(values) - min(values)) / median if median else 0)


def time_call(function: Callable[..., object], *arguments: Any) -> float:
    """The seconds that a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def share_work(work: Callable[[int], object], count: int) -> Call:
    """A call of `work` with every number below `count`, by a thread per core."""
    num_threads = os.cpu_count() or 1
    pool = futures.ThreadPoolExecutor(num_threads)

    def work_in_thread(first: int) -> None:
        for number in range(first, count, num_threads):
            work(number)

    def call() -> None:
        list(pool.map(work_in_thread, range(num_threads)))

    return call


def summarize_by_key(rounds: Sequence[Mapping[str, float]]) -> dict[str, Summary]:
    """The median and spread over all rounds of each value of their answers."""
    return {key: summarize([answer[key] for answer in rounds]) for key in rounds[0]}


def get_rates(answers: Mapping[str, Sequence[float]], count: int) -> dict[str, Summary]:
    """`count` per second, by name, from the seconds of every round."""
    return {
        name: summarize([count / one for one in seconds])
        for name, seconds in answers.items()
    }


class CandidateError(Exception):
    """A candidate cannot be measured; the message is the end of a sentence on it."""


class Candidate:
    """A function that `make` makes and that is called, in a process of its own."""

    def __init__(self, make: Make):
        # A new interpreter: TensorFlow and PyTorch do not survive a fork.
        self._executor = futures.ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_begin
        )
        try:
            self._run(_prepare, make)
        except CandidateError:
            self.close()
            raise

    def call(self) -> Any:
        """Calls the function once; returns its result, or its seconds for None."""
        return self._run(_time_call)

    def close(self) -> None:
        """Ends the process."""
        self._executor.shutdown()

    def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return self._executor.submit(function, *arguments).result()
        except ModuleNotFoundError as error:
            text = f"is left out: {error.name} is not installed."
        except Exception as error:
            # Of PyTorch's compiler the first line says it all.
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            text = f"could not be measured: {reason}"
        raise CandidateError(text)


# In a candidate's process: its function.
_prepared: list[Call] = []


def _begin() -> None:
    # Workers that a candidate spawns would import this process's main program first.
    sys.modules["__main__"] = types.ModuleType("__main__")
    # What libraries print stays out of the table.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _prepare(make: Make) -> None:
    _prepared.append(make())


def _time_call() -> Any:
    start = time.perf_counter()
    result = _prepared[0]()
    seconds = time.perf_counter() - start
    return seconds if result is None else result


def take_turns(
    candidates: Mapping[str, Make],
    options: Options,
    required: Collection[str] = (),
    warm_up: int = 1,
) -> tuple[dict[str, list[Any]], list[str]]:
    """Prepares candidates and calls them in turns, after `warm_up` rounds.

    Returns each candidate's answers, one per round, by name; and a sentence on each
    candidate that could not be measured. Raises UserError with those sentences if one
    of the `required` names is among them.
    """
    notes: list[str] = []
    with contextlib.ExitStack() as stack:
        running: dict[str, Candidate] = {}
        line = progress.Progress("preparing", len(candidates), "candidates")
        for name, make in candidates.items():
            try:
                running[name] = stack.enter_context(contextlib.closing(Candidate(make)))
            except CandidateError as error:
                notes.append(f"{name} {error}")
            line.advance()
        line.close()
        answers = run_rounds(running, options.rounds, warm_up, notes)
    if not set(required) <= set(answers):
        raise errors.UserError(" ".join(notes))
    return answers, notes


def run_rounds(
    candidates: Mapping[str, Candidate], rounds: int, warm_up: int, notes: list[str]
) -> dict[str, list[Any]]:
    """Calls every candidate once per round, starting with another one each time.

    One that fails is left out from then on, with a sentence in `notes`.
    """
    answers: dict[str, list[Any]] = {name: [] for name in candidates}
    total = (warm_up + rounds) * len(candidates)
    line = progress.Progress("measuring", total, "calls")
    for number in range(warm_up + rounds):
        names = list(answers)
        first = number % max(1, len(names))
        for name in names[first:] + names[:first]:
            try:
                answer = candidates[name].call()
            except CandidateError as error:
                notes.append(f"{name} {error}")
                del answers[name]
                continue
            if number >= warm_up:
                answers[name].append(answer)
            line.advance()
    line.close()
    return answers


def format_value(value: str | float | None) -> str:
    """A cell's text: 12,345, 123, 12.3, 1.23, 0.123; whole numbers as they are."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int):
        return f"{value:,}"
    decimals = sum(abs(value) < limit for limit in (1, 10, 100))
    return f"{value:,.{decimals}f}"


def format_table(result: Result, machine: Mapping[str, Any]) -> str:
    """Text with a Markdown table; `machine` is from `environment.describe`."""
    table = [result.columns, *([*map(format_value, row)] for row in result.rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in table]
    lines.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    versions = (
        f"{machine['cores']} cores of {machine['cpu']}, "
        f"{machine['memory_bytes'] / 1e9:.0f} GB; Python {machine['python']}, "
        f"TensorFlow {machine['tensorflow']}, Keras {machine['keras']}; commit "
        f"{machine['git_revision']}."
    )
    return "\n".join([result.title, "", *lines, "", *result.notes, versions])


def to_json(result: Result, machine: Mapping[str, Any]) -> dict[str, Any]:
    """The result as JSON values, with a dictionary for every row."""
    return {
        "title": result.title,
        "rows": [dict(zip(result.columns, row, strict=True)) for row in result.rows],
        "notes": list(result.notes),
        "machine": dict(machine),
    }
