"""Faults of a conversion."""

from __future__ import annotations

import functools
import os
import pathlib
import random
import shutil
from collections.abc import Callable, Sequence

from tests.faults import call_faults, shim
from tests.faults.engine import Case, Fault
from tests.faults.program import Program
from tests.tfrecords import conversions
from tfrecords import errors
from tfrecords.conversion import finished_shards
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


# At this share of the calls some shards are finished and some are not.
_HALF = 0.6


def make_damaged_resumes(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """A conversion is killed; one of its finished files changes; then it goes on."""
    generator = random.Random(seed)
    whole, half = shared / "whole", shared / "half"
    whole.mkdir()
    half.mkdir()
    num_calls = PROGRAM.run(whole).num_calls
    digest = PROGRAM.digest(whole)
    PROGRAM.run(half, shim.Fault(int(_HALF * num_calls), "kill"))
    progress = half / "data" / finished_shards.PROGRESS_DIR_NAME
    sides = sorted(progress.glob("[!.]*.npz"))
    assert len(sides) > 1, sides
    found = [half / "data" / side.stem for side in sides] + sides

    def check(
        path: pathlib.Path,
        change: Callable[[bytearray], bytes | bytearray],
        directory: pathlib.Path,
    ) -> None:
        shutil.copytree(half / "data", directory / "data")
        damaged = directory / path.relative_to(half)
        damaged.write_bytes(change(bytearray(damaged.read_bytes())))
        assert PROGRAM.finish(directory) == digest

    def flip(content: bytearray, share: float) -> bytearray:
        content[int(share * len(content))] ^= 1 << generator.randrange(8)
        return content

    cases = []
    for path in found:
        name = str(path.relative_to(half / "data"))
        other = next(p for p in found if p.suffix == path.suffix and p != path)
        changes: dict[str, Callable[[bytearray], bytes | bytearray]] = {
            **{
                f"a bit at {share:.0%}": functools.partial(flip, share=share)
                for share in (0.1, 0.35, 0.6, 0.85)
            },
            "cut by a byte": lambda content: content[:-1],
            "empty": lambda content: b"",
            "of another shard": lambda content, other=other: other.read_bytes(),
        }
        cases += [
            Case(f"{name}, {change}", functools.partial(check, path, changes[change]))
            for change in changes
        ]
    return cases


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
    Fault(
        "conversion_resumed_damage",
        _SECTION,
        "A conversion is killed, and a shard that it has finished, or what it knows of "
        "one, is changed: a bit, its end, all of it, or another shard's in its place",
        _AGAIN,
        make_damaged_resumes,
        num_quick=1,
        find_problem=shim.find_problem,
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
