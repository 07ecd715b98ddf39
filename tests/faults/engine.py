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
        does not hold.
      num_faults: how many are injected.
    """

    name: str
    check: Callable[[pathlib.Path], None]
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
      find_problem: why it cannot be injected on this machine, or None.
    """

    name: str
    section: str
    injected: str
    guarantee: str
    make_cases: Callable[[pathlib.Path, int], Sequence[Case]]
    num_quick: int = 2
    find_problem: Callable[[], str | None] = lambda: None


@dataclasses.dataclass(frozen=True)
class Result:
    """The outcome of all cases of a fault.

    Attributes:
      num_faults: faults injected.
      failures: "case: reason" of those after which the guarantee did not hold.
      seconds: of all cases.
    """

    num_faults: int
    failures: tuple[str, ...]
    seconds: float


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
            start = time.monotonic()
            reason = _check(case, scratch)
            finished[case.name] = (reason, time.monotonic() - start)
            _append_log(log_path, case.name, *finished[case.name])
            files.remove(str(scratch))
            shown.advance()
            if reason and stops_at_failure:
                break
        shown.close()
    outcomes = {c.name: finished[c.name] for c in cases if c.name in finished}
    return Result(
        num_faults=sum(c.num_faults for c in cases if c.name in outcomes),
        failures=tuple(f"{name}: {r}" for name, (r, _) in outcomes.items() if r),
        seconds=sum(seconds for _, seconds in outcomes.values()),
    )


def _check(case: Case, scratch: pathlib.Path) -> str:
    """The reason for which the guarantee did not hold, or ""."""
    try:
        case.check(scratch)
    except Exception as error:  # whatever it is, the other cases are still injected
        return f"{type(error).__name__}: {error}"[:2000]
    return ""


def _append_log(path: str, name: str, reason: str, seconds: float) -> None:
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps([name, reason, round(seconds, 3)]) + "\n")


def _read_log(path: str) -> dict[str, tuple[str, float]]:
    finished = {}
    if path and os.path.exists(path):
        for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            # The last line may have been cut off by a kill.
            with contextlib.suppress(ValueError):
                name, reason, seconds = json.loads(line)
                finished[name] = (reason, seconds)
    return finished
