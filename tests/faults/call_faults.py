"""Faults at every file-system call of a program: kills, errors, power cuts."""

from __future__ import annotations

import dataclasses
import errno
import functools
import pathlib
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.faults import power_cut, shim
from tests.faults.engine import Case, Fault
from tests.faults.program import IN_USE_CODE, Program


@dataclasses.dataclass(frozen=True)
class _Undisturbed:
    directory: pathlib.Path
    digest: str
    num_calls: int
    calls: tuple[power_cut.Call, ...]


def _run_undisturbed(program: Program, shared: pathlib.Path) -> _Undisturbed:
    root = shared / "root"
    root.mkdir()
    trace = str(shared / "trace")
    outcome = program.run(root, trace=trace)
    assert outcome.code == 0, outcome.messages
    calls = tuple(power_cut.read_trace(trace, str(root)))
    return _Undisturbed(root, program.digest(root), outcome.num_calls, calls)


def make_kills(program: Program, shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """SIGKILL for all processes before each call; then the program again."""
    del seed  # every call is covered
    whole = _run_undisturbed(program, shared)

    def check(number: int, directory: pathlib.Path) -> None:
        outcome = program.run(directory, shim.Fault(number, "kill"))
        # With several processes the order of calls, and their number, may differ.
        allowed = (0, -signal.SIGKILL, *program.stopped_codes)
        assert outcome.code in allowed, outcome
        program.check_left(directory, whole.directory)
        assert program.finish(directory) == whole.digest

    return [
        Case(f"call {number}", functools.partial(check, number))
        for number in range(1, whole.num_calls + 1)
    ]


# Action, error number, and at which calls: at every one, or at every eighth.
_ERRORS = (
    ("exhaust", errno.ENOSPC, 1),
    ("fail", errno.EIO, 1),
    ("exhaust", errno.EDQUOT, 8),
    ("exhaust", errno.EROFS, 8),
)
ERRORS_TEXT = (
    "A disk that is full from a call on, or fails at it, for every call; a full quota "
    "and a read-only file system, for every eighth"
)


def make_errors(program: Program, shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """Each call fails, alone or with all later ones; then the program again."""
    del seed
    whole = _run_undisturbed(program, shared)

    def check(fault: shim.Fault, directory: pathlib.Path) -> None:
        outcome = program.run(directory, fault)
        if outcome.code:
            outcome.check_refusal()
            program.check_left(directory, whole.directory)
        else:  # the call was not needed, such as a removal of leftovers
            assert program.digest(directory) == whole.digest
        assert program.finish(directory) == whole.digest

    return [
        Case(
            f"{errno.errorcode[number]} {action} {call}",
            functools.partial(check, shim.Fault(call, action, number)),
        )
        for action, number, stride in _ERRORS
        for call in range(1, whole.num_calls + 1, stride)
    ]


# Signal, and at which calls.
_SIGNALS = ((signal.SIGTERM, 1), (signal.SIGINT, 8), (signal.SIGHUP, 8))
SIGNALS_TEXT = (
    "SIGTERM for all processes at every call that changes files; SIGINT and SIGHUP at "
    "every eighth"
)


def make_signals(program: Program, shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """A request to stop at each call; then the program again."""
    del seed
    whole = _run_undisturbed(program, shared)

    def check(number: int, call: int, directory: pathlib.Path) -> None:
        outcome = program.run(directory, shim.Fault(call, "signal", number))
        # It comes too late for a program that is about to end.
        assert outcome.code in (0, 128 + number, *program.stopped_codes), outcome
        assert "Traceback" not in outcome.messages, outcome.messages
        program.check_left(directory, whole.directory)
        assert program.finish(directory) == whole.digest

    return [
        Case(f"{number.name} at {call}", functools.partial(check, int(number), call))
        for number, stride in _SIGNALS
        for call in range(1, whole.num_calls + 1, stride)
    ]


# The lock is taken within the first calls.
_FIRST_LOCKED_CALL, _HELD_STRIDE = 8, 8


def make_seconds(program: Program, shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """The program is held at a call while another of it starts; then it goes on."""
    del seed
    whole = _run_undisturbed(program, shared)

    def check(call: int, directory: pathlib.Path) -> None:
        hold = shim.Fault(call, "signal", signal.SIGSTOP)
        with program.run_held(directory, hold) as held:
            second = program.run(directory)
            assert second.code == IN_USE_CODE, second
        assert held.outcome.code == 0, held.outcome
        assert program.digest(directory) == whole.digest

    return [
        Case(f"call {call}", functools.partial(check, call))
        for call in range(_FIRST_LOCKED_CALL, whole.num_calls + 1, _HELD_STRIDE)
    ]


def make_short_writes(
    program: Program, shared: pathlib.Path, seed: int
) -> Sequence[Case]:
    """Each write passes half of its bytes on, which is no error."""
    del seed
    whole = _run_undisturbed(program, shared)

    def check(number: int, directory: pathlib.Path) -> None:
        outcome = program.run(directory, shim.Fault(number, "short"))
        assert outcome.code == 0, outcome
        assert program.digest(directory) == whole.digest

    return [
        Case(f"call {number}", functools.partial(check, number))
        for number in range(1, whole.num_calls + 1)
    ]


def make_power_cuts(
    program: Program, shared: pathlib.Path, seed: int
) -> Sequence[Case]:
    """Every different directory that a power cut may leave; then the program again.

    What is left after the program's end must be whole as it is.
    """
    whole = _run_undisturbed(program, shared)
    calls = list(whole.calls)

    def check(state: power_cut.State, directory: pathlib.Path) -> None:
        power_cut.write_state(state, str(directory))
        program.check_left(directory, whole.directory)
        assert program.finish(directory) == whole.digest

    def check_end(state: power_cut.State, directory: pathlib.Path) -> None:
        power_cut.write_state(state, str(directory))
        assert program.digest(directory) == whole.digest

    return [
        *(
            Case(name, functools.partial(check, state))
            for name, state in power_cut.make_states(calls, seed)
        ),
        *(
            Case(f"after the end, {kind}", functools.partial(check_end, state))
            for kind, state in power_cut.make_last_states(calls, seed)
        ),
    ]


_MakeCases = Callable[[Program, pathlib.Path, int], Sequence[Case]]

# What is injected, what must hold, and the cases. {again} and {left} are the program's.
_KINDS: dict[str, tuple[str, str, _MakeCases]] = {
    "kills": (
        "SIGKILL for all processes, before every call that changes files",
        "{again}; {left}",
        make_kills,
    ),
    "errors": (ERRORS_TEXT, "Exit code 4 and one sentence. {again}", make_errors),
    "signals": (
        SIGNALS_TEXT,
        "Exit code 143, 130 or 129 and one sentence. {again}",
        make_signals,
    ),
    "seconds": (
        "The same command again while the first is held at a call, for every eighth",
        "The second ends with exit code 5, and the first as if it were alone",
        make_seconds,
    ),
    "short_writes": (
        "A write that passes only half of its bytes on, at every call",
        "The command ends as ever",
        make_short_writes,
    ),
    "power_cuts": (
        "A power cut after every call: all names and bytes that were not flushed are "
        "lost, or kept, or kept in part and in another order",
        "{again}; {left}",
        make_power_cuts,
    ),
}


MakeProgram = Callable[[pathlib.Path], Program]


def make_faults(
    name: str,
    section: str,
    programs: MakeProgram | Mapping[str, MakeProgram],
    again: str,
    left: str,
    kinds: Sequence[str] = tuple(_KINDS),
    quick: Sequence[str] = tuple(_KINDS),
) -> Iterator[Fault]:
    """The faults at a program's calls.

    Args:
      name: what the faults' names begin with.
      section: of the page.
      programs: makes the program, from a directory for what all cases share; or
        several that share a row of the page, by name.
      again: what the same command does after a fault, a sentence without its stop.
      left: what holds of what a fault has left.
      kinds: which faults; all by default.
      quick: of which of them the quick selection has a case.
    """
    for kind in kinds:
        injected, guarantee, make_cases = _KINDS[kind]

        def make(
            shared: pathlib.Path, seed: int, make_cases: _MakeCases = make_cases
        ) -> Sequence[Case]:
            if isinstance(programs, Mapping):
                return _make_all(programs, make_cases, shared, seed)
            return make_cases(programs(shared), shared, seed)

        yield Fault(
            f"{name}_{kind}",
            section,
            injected,
            guarantee.format(again=again, left=left),
            make,
            num_quick=1 if kind in quick else 0,
            find_problem=shim.find_problem,
        )


def _make_all(
    programs: Mapping[str, MakeProgram],
    make_cases: _MakeCases,
    shared: pathlib.Path,
    seed: int,
) -> Sequence[Case]:
    """The cases of several programs, under their names."""
    cases: list[Case] = []
    for name, make_program in programs.items():
        part = shared / name
        part.mkdir()
        cases += [
            dataclasses.replace(case, name=f"{name}, {case.name}")
            for case in make_cases(make_program(shared), part, seed)
        ]
    return cases
