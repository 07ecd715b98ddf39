"""Feeds hostile inputs to the product in a process of its own, and watches it.

An input may end the process, or take forever, or all memory. The process writes the
name of each input into a file before it begins with it, so the one that ended it is
known. A `Watch` is the process's side, `run` the engine's.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import resource
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

from tests.faults import program

# Of processor time, for one input: the machine may be busy.
MAX_SECONDS = 5.0
MAX_GROWTH_MIB = 100
# For all inputs of a process, of the clock: one of them may sleep.
_TIMEOUT_SECONDS = 600.0
_MAX_LISTED = 3
# A process may reserve addresses that it never uses.
_MAX_ADDRESSES = 8 << 30


class Watch:
    """Limits what each input may cost, and collects the guarantees that did not hold.

    Memory is the largest resident set since `start` was called, so what the inputs
    need by themselves belongs before it.
    """

    def __init__(self, place: str):
        """Writes the name of each input to the file `place`."""
        self._place = pathlib.Path(place)
        self._start_kib: int | None = None
        self.counts: dict[str, int] = {}
        self._failures: list[str] = []

    def start(self) -> None:
        """Measures the memory from which growth counts, and limits it."""
        with contextlib.suppress(OSError):  # what was freed before would hide growth
            pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
            # The machine must survive what the product does not.
            pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + _MAX_ADDRESSES
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        self._start_kib = _get_peak_kib()

    @contextlib.contextmanager
    def input(self, name: str) -> Iterator[None]:
        """The block handles the input `name`; any exception in it is a failure.

        The process is killed after `MAX_SECONDS`: a decoder that hangs in C code would
        not let a Python handler run.
        """
        self._place.write_text(name, encoding="utf-8")
        signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
        try:
            yield
        except Exception as error:  # whatever it is, the other inputs are still fed
            self.fail(name, f"{type(error).__name__}: {error}")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if self._start_kib is None:
            return
        growth = (_get_peak_kib() - self._start_kib) / 1024
        if growth > MAX_GROWTH_MIB:
            self.fail(name, f"memory grew by {growth:.0f} MiB")
            self._start_kib = _get_peak_kib()  # later inputs are not to blame

    def fail(self, name: str, reason: str) -> None:
        """Adds a failure."""
        self._failures.append(f"{name}: {reason}"[:500])

    def count(self, outcome: str) -> None:
        """Counts an outcome, such as "refused"."""
        self.counts[outcome] = self.counts.get(outcome, 0) + 1

    def report(self) -> None:
        """Prints the result for `run`."""
        print(json.dumps({"failures": self._failures, "counts": self.counts}))


def run(
    module: str, *arguments: str, scratch: pathlib.Path, **environment: str
) -> dict[str, int]:
    """Runs the program `module` with the path for its `Watch` and `arguments`.

    Returns:
      The counts of outcomes.

    Raises:
      AssertionError: if a guarantee did not hold, naming the inputs.
    """
    place = scratch / "input"
    try:
        ended = program.run_python(
            *("-m", module, str(place), *arguments),
            timeout=_TIMEOUT_SECONDS,
            **environment,
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"{_read(place)}: {error}") from error
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        reason = f"took more than {MAX_SECONDS} s" if name == "SIGPROF" else name
        raise AssertionError(f"{_read(place)}: {reason}")
    assert ended.returncode == 0, f"{_read(place)}: {ended.stderr[-1000:]}"
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    failures = result["failures"]
    assert not failures, f"{len(failures)} inputs, {'; '.join(failures[:_MAX_LISTED])}"
    counts: dict[str, int] = result["counts"]
    return counts


def _read(place: pathlib.Path) -> str:
    return place.read_text(encoding="utf-8") if place.exists() else "before any input"


def _get_peak_kib() -> int:
    """The largest resident set, which `getrusage` would inherit from the parent."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0])
