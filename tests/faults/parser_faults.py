"""Mutants of the fuzzer's corpus, for every parser of untrusted bytes.

`tests.faults.fuzz` searches the same functions further, by the code that it reaches.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence

from tests.faults import parsers, watched
from tests.faults.engine import Case, Fault

_PROGRAM = "tests.programs.parse_mutants"
_NUM_MUTANTS, _BLOCK = 10_000, 1_000


def make_mutants(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """Blocks of mutants, for each parser."""
    del shared

    def check(name: str, first: int, scratch: pathlib.Path) -> None:
        counts = watched.run(
            *(_PROGRAM, name, str(first), str(_BLOCK), str(seed)), scratch=scratch
        )
        assert counts == {"held": _BLOCK}

    return [
        Case(
            f"{name} {first} to {first + _BLOCK - 1}",
            functools.partial(check, name, first),
            num_faults=_BLOCK,
        )
        for name in parsers.PARSERS
        for first in range(0, _NUM_MUTANTS, _BLOCK)
    ]


FAULTS = (
    Fault(
        "parser_mutants",
        "Hostile input",
        f"{_NUM_MUTANTS:,} mutants of a corpus for each of {len(parsers.PARSERS)} "
        "parsers: images, Exif, tar, zip, TFRecord, Example, `.npy`, `.npz`, JSON, "
        "pickles",
        "Refused with our error, or read as what the bytes say; at most 5 s of "
        "processor time and 100 MiB more memory",
        make_mutants,
        num_quick=2,
    ),
)
