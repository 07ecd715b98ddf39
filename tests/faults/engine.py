"""Injects faults one after another, and keeps a record of each kind of fault.

A `Fault` is a kind, such as a kill at every file-system call of a conversion. Its cases
inject it once each and compare the outcome with an undisturbed run. A run of the engine
can be stopped and resumed: finished cases are not repeated.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import random
import re
import tempfile
import time
from collections.abc import Callable, Sequence

from tfrecords.console import progress
from tfrecords.durable import files


@dataclasses.dataclass(frozen=True)
class Case:
    """One injected fault, or several that are injected together because each is quick.

    Attributes:
      name: the same in every run, such as "call 17".
      check: injects it in an empty directory; raises AssertionError if the guarantee
        does not hold. It may return what was measured, for the page.
      num_faults: how many are injected.
    """

    name: str
    check: Callable[[pathlib.Path], str | None]
    num_faults: int = 1


@dataclasses.dataclass(frozen=True)
class Fault:
    """A kind of fault and the guarantee that it tests.

    Attributes:
      name: of its record.
      section: of the page: "Conversion", "Training" and so on.
      injected: what is done, for the page.
      guarantee: what must hold, for the page.
      make_cases: all cases, from a directory for what they share and a seed.
      num_quick: cases of the quick selection.
      takes_hours: whether it is injected only if it is named.
      find_problem: why it cannot be injected on this machine, or None.
    """

    name: str
    section: str
    injected: str
    guarantee: str
    make_cases: Callable[[pathlib.Path, int], Sequence[Case]]
    num_quick: int = 2
    takes_hours: bool = False
    find_problem: Callable[[], str | None] = lambda: None


@dataclasses.dataclass(frozen=True)
class Result:
    """The outcome of all cases of a fault.

    Attributes:
      num_faults: faults injected.
      failures: "case: reason" of those after which the guarantee did not hold.
      seconds: of all cases.
      measured: what cases returned.
    """

    num_faults: int
    failures: tuple[str, ...]
    seconds: float
    measured: tuple[str, ...] = ()


def run(
    fault: Fault,
    seed: int,
    *,
    num_cases: int | None = None,
    pattern: str = "",
    stops_at_failure: bool = False,
    log_path: str = "",
) -> Result:
    """Injects a fault.

    Args:
      fault: the kind.
      seed: of random cases, and of the choice of `num_cases`.
      num_cases: how many cases, in random order; None for all, in theirs.
      pattern: only the cases in whose names it is found, a regular expression.
      stops_at_failure: whether the first failure is enough.
      log_path: a file with a line for every finished case; cases in it are not
        repeated. "" for none.
    """
    with tempfile.TemporaryDirectory(prefix="alexnet-faults-") as name:
        shared = pathlib.Path(name) / "shared"
        shared.mkdir()
        cases = [
            case
            for case in fault.make_cases(shared, seed)
            if re.search(pattern, case.name)
        ]
        if num_cases is not None:
            random.Random(seed).shuffle(cases)
            cases = cases[:num_cases]
        finished = _read_log(log_path)
        todo = [case for case in cases if case.name not in finished]
        shown = progress.Progress(
            fault.name, len(cases), "faults", done=len(cases) - len(todo)
        )
        for case in todo:
            scratch = pathlib.Path(name) / "case"
            scratch.mkdir()
            finished[case.name] = outcome = _check(case, scratch)
            _append_log(log_path, case.name, outcome)
            files.remove(str(scratch))
            shown.advance()
            if outcome.failure and stops_at_failure:
                break
        shown.close()
    outcomes = {c.name: finished[c.name] for c in cases if c.name in finished}
    return Result(
        num_faults=sum(c.num_faults for c in cases if c.name in outcomes),
        failures=tuple(f"{n}: {o.failure}" for n, o in outcomes.items() if o.failure),
        seconds=sum(outcome.seconds for outcome in outcomes.values()),
        measured=tuple(o.measured for o in outcomes.values() if o.measured),
    )


@dataclasses.dataclass(frozen=True)
class _Outcome:
    failure: str  # the reason for which the guarantee did not hold, or ""
    measured: str
    seconds: float


def _check(case: Case, scratch: pathlib.Path) -> _Outcome:
    start = time.monotonic()
    failure, measured = "", None
    try:
        measured = case.check(scratch)
    except Exception as error:  # whatever it is, the other cases are still injected
        failure = f"{type(error).__name__}: {error}"[:2000]
    return _Outcome(failure, measured or "", time.monotonic() - start)


def _append_log(path: str, name: str, outcome: _Outcome) -> None:
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps([name, dataclasses.asdict(outcome)]) + "\n")


def _read_log(path: str) -> dict[str, _Outcome]:
    finished = {}
    if path and os.path.exists(path):
        for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            # The last line may have been cut off by a kill.
            with contextlib.suppress(ValueError):
                name, outcome = json.loads(line)
                finished[name] = _Outcome(**outcome)
    return finished
