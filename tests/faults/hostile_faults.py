"""Hostile files that were made by hand: weights, records and archives."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Collection, Sequence

from tests import hostile_archives, hostile_records, hostile_weights
from tests.faults import watched
from tests.faults.engine import Case, Fault

_SECTION = "Hostile input"
_PROGRAM = "tests.programs.read_hostile"


def _check(kind: str, name: str, outcomes: set[str], scratch: pathlib.Path) -> None:
    folder = scratch / "files"
    folder.mkdir()
    counts = watched.run(_PROGRAM, kind, name, str(folder), scratch=scratch)
    assert sum(counts.values()) == 1 and set(counts) <= outcomes, counts


def _make_cases(
    kind: str, names: Collection[str], read: Collection[str] | None
) -> Sequence[Case]:
    """Files that must be refused; those in `read` must be read; None: either."""

    def find_outcomes(name: str) -> set[str]:
        if read is None:
            return {"read", "refused"}
        return {"read" if name in read else "refused"}

    return [
        Case(name, functools.partial(_check, kind, name, find_outcomes(name)))
        for name in names
    ]


_COSTS = "at most 5 s of processor time and 100 MiB more memory"

FAULTS = (
    Fault(
        "hostile_weights",
        _SECTION,
        "Files of weights that call functions in pickles, unpack or promise to unpack "
        "to gigabytes, link to other files, hold odd headers, or are no files",
        f"Refused in a sentence; no code of them runs, nothing is created; {_COSTS}",
        lambda shared, seed: _make_cases("weights", hostile_weights.CASES, ()),
    ),
    Fault(
        "hostile_records",
        _SECTION,
        "Records with right checksums and wrong contents: lengths of 2^31 to 2^64 - 1 "
        "bytes, features of other types, labels of other classes, bombs for images",
        "Refused in a sentence, or read if nothing that training needs is wrong; "
        f"{_COSTS}",
        lambda shared, seed: _make_cases(
            "records", hostile_records.SHARDS, hostile_records.READ
        ),
    ),
    Fault(
        "hostile_archives",
        _SECTION,
        "Tars and zips of images with names that lead elsewhere, links, devices, sizes "
        "from -512 to 2^88, headers without end, and bombs",
        "Refused in a sentence, or converted with the good images; nothing is created "
        f"outside of the output; {_COSTS}",
        lambda shared, seed: _make_cases("archives", hostile_archives.CASES, None),
    ),
)
