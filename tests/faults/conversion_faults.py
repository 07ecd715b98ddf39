"""Faults of a conversion."""

from __future__ import annotations

import functools
import os
import pathlib

from tests.faults import call_faults, shim
from tests.faults.engine import Fault
from tests.faults.program import Program
from tests.tfrecords import conversions
from tfrecords import errors
from tfrecords.durable import files
from tfrecords.shards import manifest

_SECTION = "Conversion"


def _make_arguments(directory: pathlib.Path) -> list[str]:
    return ["-m", "tests.programs.convert_drawn", str(directory / "data"), "0"]


def _digest(directory: pathlib.Path) -> str:
    return conversions.digest_directory(directory / "data")


def _check_left(left: pathlib.Path, whole: pathlib.Path) -> None:
    """A data directory with a manifest is whole."""
    del whole
    data_dir = str(left / "data")
    try:
        found = manifest.read_manifest(data_dir)
    except errors.UserError:
        return
    for split in found.splits.values():
        for shard in split.shards:
            path = os.path.join(data_dir, shard.name)
            assert files.compute_digest(path) == shard.sha256, shard.name


PROGRAM = Program(_make_arguments, _digest, _check_left)

_AGAIN = "The same command again gives the undisturbed conversion's bytes"

FAULTS = (
    Fault(
        "conversion_kills",
        _SECTION,
        "SIGKILL for all processes, before every call that changes files",
        f"{_AGAIN}; no reader takes what is left for a data set",
        functools.partial(call_faults.make_kills, PROGRAM),
        find_problem=shim.find_problem,
    ),
    Fault(
        "conversion_errors",
        _SECTION,
        call_faults.ERRORS_TEXT,
        f"Exit code 4 and one sentence. {_AGAIN}",
        functools.partial(call_faults.make_errors, PROGRAM),
        find_problem=shim.find_problem,
    ),
    Fault(
        "conversion_signals",
        _SECTION,
        call_faults.SIGNALS_TEXT,
        f"Exit code 143, 130 or 129 and one sentence. {_AGAIN}",
        functools.partial(call_faults.make_signals, PROGRAM),
        num_quick=1,
        find_problem=shim.find_problem,
    ),
    Fault(
        "conversion_seconds",
        _SECTION,
        "The same command again while the first is held at a call, for every eighth",
        "The second ends with exit code 5; the undisturbed conversion's bytes",
        functools.partial(call_faults.make_seconds, PROGRAM),
        num_quick=1,
        find_problem=shim.find_problem,
    ),
    Fault(
        "conversion_short_writes",
        _SECTION,
        "A write that passes only half of its bytes on, at every call",
        "The undisturbed conversion's bytes",
        functools.partial(call_faults.make_short_writes, PROGRAM),
        find_problem=shim.find_problem,
    ),
    Fault(
        "conversion_power_cuts",
        _SECTION,
        "A power cut after every call: all names and bytes that were not flushed are "
        "lost, or kept, or kept in part and in another order",
        f"{_AGAIN}; no reader takes what is left for a data set",
        functools.partial(call_faults.make_power_cuts, PROGRAM),
        find_problem=shim.find_problem,
    ),
)
