"""Faults of a conversion."""

from __future__ import annotations

import os
import pathlib

from tests.faults import call_faults
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


def _make_job_arguments(directory: pathlib.Path) -> list[str]:
    stand_in = "from tests.programs import job_stand_in; job_stand_in.main()"
    return [
        *("-m", "tests.programs.convert_by_job"),
        *(str(directory / "data"), "0", stand_in),
    ]


def _make_job(shared: pathlib.Path) -> Program:
    del shared
    # A signal in the job is for it and its workers alone: its driver says so.
    codes = (errors.UserError.exit_code,)
    return Program(_make_job_arguments, _digest, _check_left, stopped_codes=codes)


_AGAIN = "The same command again gives the undisturbed conversion's bytes"
_LEFT = "no reader takes what is left for a data set"

FAULTS = (
    *call_faults.make_faults(
        "conversion", _SECTION, lambda shared: PROGRAM, _AGAIN, _LEFT
    ),
    # A process stands in for Beam, which would start for ten seconds each time.
    *call_faults.make_faults(
        "job",
        "Conversion by a job, as with Beam",
        _make_job,
        _AGAIN,
        _LEFT,
        ("kills", "errors", "signals"),
        quick=("kills",),
    ),
)
