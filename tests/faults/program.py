"""A program under test, what it leaves undisturbed, and how it is run with a fault."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from tests import forked_processes, processes
from tests.faults import safeguards, shim
from tfrecords import errors

# What a user reads after a fault: a sentence, no traceback.
_TRACEBACK = "Traceback (most recent call last)"
STORAGE_CODE = 4
IN_USE_CODE = 5
_SECONDS = 120.0


@dataclasses.dataclass(frozen=True)
class Program:
    """A program that writes below one directory and can be given again.

    Attributes:
      make_arguments: what follows `python`, from the directory.
      digest: of what it leaves when it has ended well; raises if that is not whole.
      check_left: given the directory after a fault and that of an undisturbed run;
        raises AssertionError if a reader would take something for whole that is not.
      is_once: whether it refuses to run again where it has ended well.
      stopped_codes: exit codes after a signal for a part of it that runs in a process
        group of its own.
    """

    make_arguments: Callable[[pathlib.Path], Sequence[str]]
    digest: Callable[[pathlib.Path], str]
    check_left: Callable[[pathlib.Path, pathlib.Path], None] = lambda left, whole: None
    is_once: bool = False
    stopped_codes: Sequence[int] = ()

    def run(
        self, directory: pathlib.Path, fault: shim.Fault | None = None, trace: str = ""
    ) -> Outcome:
        """Runs it to its end, in a process group of its own."""
        counter = shim.CallCounter(directory, fault, trace)
        try:
            ended = run_python(
                *self.make_arguments(directory),
                preload=shim.compile_shim(),
                **counter.environment,
            )
        finally:
            num_calls = counter.close()
        return Outcome(ended.returncode, ended.stderr, num_calls)

    @contextlib.contextmanager
    def run_held(self, directory: pathlib.Path, hold: shim.Fault) -> Iterator[Held]:
        """Starts it, waits until it is held, and lets it go on after the block."""
        counter = shim.CallCounter(directory, hold)
        held = Held()
        with tempfile.TemporaryFile("w+", encoding="utf-8") as messages:
            process = forked_processes.ForkedProcess(
                *self.make_arguments(directory),
                stdout=messages,
                stderr=messages,
                preload=shim.compile_shim(),
                **counter.environment,
            )
            try:
                deadline = time.monotonic() + _SECONDS
                while _read_state(process.pid) != "T":
                    assert time.monotonic() < deadline and process.poll() is None
                    time.sleep(0.01)
                yield held
                os.killpg(process.pid, signal.SIGCONT)
                code = process.wait(_SECONDS)
            finally:
                process.kill()
                num_calls = counter.close()
            messages.seek(0)
            held.outcome = Outcome(code, messages.read(), num_calls)

    def finish(self, directory: pathlib.Path) -> str:
        """Runs it undisturbed, unless it is done; returns the digest."""
        if self.is_once:
            with contextlib.suppress(errors.UserError):
                return self.digest(directory)
        outcome = self.run(directory)
        assert outcome.code == 0, f"exit code {outcome.code}: {outcome.messages}"
        return self.digest(directory)


class Held:
    """A program that is held.

    Attributes:
      outcome: how it ended, once it has.
    """

    outcome: Outcome


def _read_state(pid: int) -> str:
    """The state of a process: "T" where it is stopped, "Z" where it has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return "Z"
    return text.rpartition(") ")[2][0]


def run_python(
    *arguments: str, timeout: float = _SECONDS, preload: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs `python *arguments`, also without a safeguard; see `forked_processes`.

    Raises:
      subprocess.TimeoutExpired: after `timeout` seconds.
    """
    if safeguards.VARIABLE not in os.environ:
        return forked_processes.run_python(
            *arguments, timeout=timeout, preload=preload, **environment
        )
    # A new interpreter, in which a safeguard is switched off from its start. The
    # environment names the preloaded library.
    path = os.pathsep.join([safeguards.SITE, *sys.path])
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**processes.make_environment(**environment), "PYTHONPATH": path},
        start_new_session=True,  # a kill is for its process group
    )


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a program ended.

    Attributes:
      code: the exit code, or minus the signal's number.
      messages: its standard error.
      num_calls: the calls that changed files.
    """

    code: int
    messages: str
    num_calls: int

    def check_refusal(self, code: int = STORAGE_CODE) -> None:
        """Raises AssertionError unless it ended with `code` and no traceback."""
        assert self.code == code, f"exit code {self.code}: {self.messages}"
        assert _TRACEBACK not in self.messages, self.messages
