"""Faults of a training run."""

from __future__ import annotations

import functools
import pathlib
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tests import data_directories, training_runs
from tests.faults import call_faults, shim
from tests.faults.engine import Case, Fault
from tests.faults.program import Program
from tfrecords import errors

_SECTION = "Training"
# Five steps, with a checkpoint after the third and the fifth.
_SHORT = {"checkpoint_every_minutes": 30.0, "log_every_steps": 1}


def make_program(shared: pathlib.Path, settings: Mapping[str, Any] = _SHORT) -> Program:
    """A run with dropout, of two classes in `shared`."""
    data_dir = shared / "data"
    if not data_dir.exists():
        data_directories.write_data_directory(data_dir, num_classes=2, per_class=6)

    def make_arguments(directory: pathlib.Path) -> list[str]:
        return [
            *("-m", "alexnet_tf.commands.train"),
            *(f"--data_dir={data_dir}", f"--workdir={directory / 'run'}"),
            *training_runs.make_flags(dict(settings)),
        ]

    return Program(make_arguments, _digest, _check_left)


def _digest(directory: pathlib.Path) -> str:
    """Of the last checkpoint and of every measurement."""
    workdir = directory / "run"
    measured = [
        line
        for line in training_runs.read_metrics(workdir)
        if line["kind"] != "event"  # a resumed run may repeat a hint
    ]
    return f"{training_runs.compute_digest(workdir)} {measured}"


def _check_left(left: pathlib.Path, whole: pathlib.Path) -> None:
    """What a reader finds is a checkpoint of the undisturbed run."""
    try:
        step = training_runs.load_checkpoint(left / "run").step
    except errors.UserError:
        return
    found = training_runs.compute_digest(left / "run", step)
    assert found == training_runs.compute_digest(whole / "run", step), step


# Sixty steps, with a checkpoint after each; twelve images, batches of five.
_LONG = {
    "num_epochs": 25,
    "log_every_steps": 1,
    "schedule.name": "fixed",
    "schedule.steps": "4.2:0.003 11:0.001",
}
_NUM_LONG_STEPS = 60


def make_resumes(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """A run of sixty steps, resumed after each of them as after a kill."""
    del seed
    program = make_program(shared, _LONG)
    whole = shared / "whole"
    whole.mkdir()
    digest = program.finish(whole)
    assert training_runs.load_checkpoint(whole / "run").step == _NUM_LONG_STEPS

    def check(step: int, directory: pathlib.Path) -> None:
        training_runs.copy_as_killed(whole / "run", step, directory / "run")
        assert program.finish(directory) == digest

    return [
        Case(f"step {step}", functools.partial(check, step))
        for step in range(1, _NUM_LONG_STEPS)
    ]


def _truncate(path: pathlib.Path) -> None:
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _overwrite(path: pathlib.Path) -> None:
    with open(path, "r+b") as file:
        file.write(bytes(path.stat().st_size))


def _replace(path: pathlib.Path) -> None:
    path.unlink()
    path.write_bytes(b"other bytes")


# What happens to all shards of a split while a run reads them.
_CHANGES: dict[str, Callable[[pathlib.Path], None]] = {
    "truncated": _truncate,
    "overwritten": _overwrite,
    "replaced": _replace,
    "removed": pathlib.Path.unlink,
}
# At every fourth call, the last ones of a run left out.
_CHANGE_STRIDE = 4


def make_data_changes(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """The data change while a run is held at a call; then they are put back."""
    del seed
    program = make_program(shared)
    whole = shared / "whole"
    whole.mkdir()
    outcome = program.run(whole)
    digest = program.digest(whole)
    shards = sorted((shared / "data").glob("*-of-*"))
    assert shards

    def check(change: str, call: int, directory: pathlib.Path) -> None:
        kept = {path: path.read_bytes() for path in shards}
        try:
            hold = shim.Fault(call, "signal", signal.SIGSTOP)
            with program.run_held(directory, hold) as held:
                for path in shards:
                    _CHANGES[change](path)
        finally:
            for path, content in kept.items():
                path.unlink(missing_ok=True)
                path.write_bytes(content)
        if held.outcome.code:
            held.outcome.check_refusal(errors.DataError.exit_code)
            assert str(shared / "data") in held.outcome.messages, held.outcome
        _check_left(directory, whole)
        assert program.finish(directory) == digest

    return [
        Case(f"{change} at call {call}", functools.partial(check, change, call))
        for change in _CHANGES
        for call in range(1, outcome.num_calls, _CHANGE_STRIDE)
    ]


# A rate at which the next step's numbers are not finite.
_WILD_RATE = "1e20"


def make_not_finite(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """The learning rate is wild from each of several steps on."""
    del seed

    def check(epoch: float, log_every: int, directory: pathlib.Path) -> None:
        settings = {
            **_SHORT,
            "log_every_steps": log_every,
            "schedule.name": "fixed",
            "schedule.steps": f"{epoch}:{_WILD_RATE}",
        }
        outcome = make_program(shared, settings).run(directory)
        outcome.check_refusal(errors.NotFiniteError.exit_code)
        assert "The last good checkpoint: " in outcome.messages, outcome.messages
        if "checkpoint: none yet" not in outcome.messages:
            loaded = training_runs.load_checkpoint(directory / "run")
            for name, array in loaded.arrays.items():
                assert np.isfinite(array).all(), name

    return [
        Case(
            f"from epoch {epoch} on, logged every {log_every} steps",
            functools.partial(check, epoch, log_every),
        )
        for epoch in (0.0, 0.4, 0.8, 1.2)
        for log_every in (1, 3)
    ]


_AGAIN = (
    "The same command again ends with the undisturbed run's weights, velocities, "
    "random state and measurements, bit for bit"
)

FAULTS = (
    Fault(
        "training_resumes",
        _SECTION,
        "A kill after every step of a run of 60 steps with dropout",
        _AGAIN,
        make_resumes,
        num_quick=1,
    ),
    Fault(
        "training_not_finite",
        _SECTION,
        "A learning rate of 1e20 from one of the first four steps on, in runs that log "
        "every step or every third",
        "Exit code 3 and a sentence that names the last good checkpoint, in which all "
        "numbers are finite",
        make_not_finite,
        num_quick=1,
    ),
    Fault(
        "training_data_changes",
        _SECTION,
        "All shards are truncated, overwritten, replaced or removed while a run is "
        "held at a call that changes files, for every fourth",
        "The run ends as ever, or with exit code 2 and a sentence that names the data. "
        f"With the data back: {_AGAIN[0].lower()}{_AGAIN[1:]}",
        make_data_changes,
        num_quick=1,
        find_problem=shim.find_problem,
    ),
    *call_faults.make_faults(
        "training",
        _SECTION,
        make_program,
        _AGAIN,
        "no reader takes what is left for a checkpoint",
    ),
)
