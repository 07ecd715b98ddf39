"""Images that end the conversion's worker which reads them, once or every time."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence

from tests.faults import program
from tests.faults.engine import Case, Fault
from tests.programs import convert_deadly
from tests.tfrecords import conversions
from tfrecords.shards import manifest


def _convert(directory: pathlib.Path, fault: str, row: int) -> None:
    ended = program.run_python(
        *("-m", "tests.programs.convert_deadly", str(directory), fault, str(row))
    )
    assert ended.returncode == 0, ended.stderr


def make_deaths(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """Each training image ends its worker."""
    del seed
    _convert(shared, "", 0)
    digest = conversions.digest_directory(shared / "data")

    def check(fault: str, row: int, directory: pathlib.Path) -> None:
        _convert(directory, fault, row)
        if fault == "kill":
            assert (directory / "killed").exists()
            assert conversions.digest_directory(directory / "data") == digest
            return
        found = manifest.read_manifest(str(directory / "data"))
        (reject,) = found.rejects
        assert reject.filename == f"train_{row:05d}.png", reject
        assert "SIGSEGV" in reject.reason
        num_records = sum(split.num_records for split in found.splits.values())
        assert num_records == sum(convert_deadly.SIZES.values()) - 1

    return [
        Case(f"row {row}, {name}", functools.partial(check, fault, row))
        for row in range(convert_deadly.SIZES["train"])
        for fault, name in (("kill", "once"), ("always_kill", "every time"))
    ]


FAULTS = (
    Fault(
        "worker_deaths",
        "Conversion",
        "The worker that reads an image is killed (SIGKILL), or crashes at it every "
        "time (SIGSEGV), for every image of a small data set",
        "After a kill, the undisturbed conversion's bytes; an image that crashes its "
        "worker twice is rejected by name, and all others are converted",
        make_deaths,
        num_quick=1,
    ),
)
