"""Damaged files: a bit flipped in every byte, and every length to which one is cut.

A reader must refuse a damaged file with an error of ours, or return what it returned
before, if the damage is in bytes that mean nothing. It may never return anything else,
raise anything else, or end the process.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import random
import shutil
from collections.abc import Callable, Iterator, Sequence

from tests.faults.engine import Case
from tfrecords import errors

# Faults that one case injects.
_BLOCK = 500


@dataclasses.dataclass(frozen=True)
class Target:
    """A file, and how it is read.

    Attributes:
      name: of the target, for the cases.
      directory: a whole directory; it is copied for every case.
      path: of the file, in the directory.
      read: given the directory, what a user would get; compared by `==`.
      offsets: the bytes to flip; None for all.
    """

    name: str
    directory: pathlib.Path
    path: str
    read: Callable[[pathlib.Path], object]
    offsets: Sequence[int] | None = None


def make_flips(target: Target, seed: int) -> Iterator[Case]:
    """One bit, chosen at random, of every byte."""
    expected = target.read(target.directory)
    data = (target.directory / target.path).read_bytes()
    offsets = range(len(data)) if target.offsets is None else target.offsets

    def damage(offset: int) -> bytes:
        bit = random.Random(f"{seed} {offset}").randrange(8)
        changed = bytearray(data)
        changed[offset] ^= 1 << bit
        return bytes(changed)

    yield from _make_cases(target, expected, "flipped", list(offsets), damage)


def make_cuts(target: Target) -> Iterator[Case]:
    """The file's first bytes, of every length."""
    expected = target.read(target.directory)
    data = (target.directory / target.path).read_bytes()
    lengths = list(range(len(data)))
    yield from _make_cases(target, expected, "cut", lengths, lambda n: data[:n])


def _make_cases(
    target: Target,
    expected: object,
    kind: str,
    places: list[int],
    damage: Callable[[int], bytes],
) -> Iterator[Case]:
    for start in range(0, len(places), _BLOCK):
        block = places[start : start + _BLOCK]
        yield Case(
            f"{target.name} {kind} at {block[0]} to {block[-1]}",
            functools.partial(_check, target, expected, block, damage),
            num_faults=len(block),
        )


def _check(
    target: Target,
    expected: object,
    places: Sequence[int],
    damage: Callable[[int], bytes],
    scratch: pathlib.Path,
) -> None:
    directory = scratch / "copy"
    shutil.copytree(target.directory, directory)
    path = directory / target.path
    changed = []
    for place in places:
        # A new file each time: a reader may keep the old one open.
        os.unlink(path)
        path.write_bytes(damage(place))
        try:
            found = target.read(directory)
        except errors.UserError:
            continue
        if found != expected:
            changed.append(place)
    assert not changed, f"at {changed}: it was read as something else"
