"""Hostile images: mutants of sound ones, and small files that claim gigabytes."""

from __future__ import annotations

import functools
import importlib.util
import pathlib
from collections.abc import Sequence

from tests.faults import watched
from tests.faults.engine import Case, Fault
from tests.programs import decode_images
from tests.tfrecords import image_bombs

_SECTION = "Hostile input"
_PROGRAM = "tests.programs.decode_images"
_NUM_MUTANTS = 50_000
_BLOCK = 500
# Of bombs, those that are sound images with huge metadata.
_READ = ("png zTXt", "png zTXt behind", "png iCCP")


def _list_resizings() -> tuple[str, ...]:
    has_opencv = all(map(importlib.util.find_spec, ("cv2", "simplejpeg")))
    return ("bicubic", "authors") if has_opencv else ("bicubic",)


def make_mutants(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """Blocks of mutants, through Pillow and through libjpeg-turbo in turn."""
    del shared
    resizings = _list_resizings()

    def check(first: int, scratch: pathlib.Path) -> None:
        resizing = resizings[first // _BLOCK % len(resizings)]
        counts = watched.run(
            _PROGRAM,
            *("mutants", str(first), str(_BLOCK), str(seed), resizing),
            scratch=scratch,
        )
        # A gate that refuses everything, or nothing, would be no test.
        assert sum(counts.values()) == _BLOCK
        assert min(counts["accepted"], counts["refused"]) > _BLOCK // 20, counts

    return [
        Case(
            f"mutants {first} to {first + _BLOCK - 1}",
            functools.partial(check, first),
            num_faults=_BLOCK,
        )
        for first in range(0, _NUM_MUTANTS, _BLOCK)
    ]


def make_cuts(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """Every length of every image's header, and some of its pixels."""
    del shared, seed

    def check(name: str, scratch: pathlib.Path) -> None:
        counts = watched.run(_PROGRAM, "cuts", name, "bicubic", scratch=scratch)
        assert counts == {"refused": decode_images.NUM_CUTS}, counts

    return [
        Case(name, functools.partial(check, name), num_faults=decode_images.NUM_CUTS)
        for name, data in decode_images.SEEDS.items()
        if len(data) > decode_images.NUM_CUTS
    ]


def make_bombs(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """Each bomb, through Pillow and through libjpeg-turbo."""
    del shared, seed

    def check(name: str, resizing: str, scratch: pathlib.Path) -> None:
        counts = watched.run(_PROGRAM, "bombs", name, resizing, scratch=scratch)
        assert counts == {"accepted" if name in _READ else "refused": 1}, counts

    return [
        Case(f"{name}, {resizing}", functools.partial(check, name, resizing))
        for name in image_bombs.make_bombs()
        for resizing in _list_resizings()
    ]


FAULTS = (
    Fault(
        "image_mutants",
        _SECTION,
        f"{_NUM_MUTANTS:,} mutants of 32 images (JPEG, PNG, GIF, BMP, WebP): bits, "
        "sizes, cuts, splices and whole segments, through what a conversion does with "
        "an image, with a limit of a megapixel",
        "Refused with a reason, or stored as an image that Pillow and TensorFlow "
        "decode; no other error, at most 5 s of processor time and 100 MiB more memory",
        make_mutants,
        num_quick=2,
    ),
    Fault(
        "image_cuts",
        _SECTION,
        "A cut to each of the first 850 lengths of such images",
        "Refused with a reason",
        make_cuts,
        num_quick=1,
    ),
    Fault(
        "image_bombs",
        _SECTION,
        "Images of kilobytes that claim up to 4.3 gigapixels, and PNGs whose metadata "
        "inflates to 60 MB",
        "Refused for their size before they are decoded; the PNGs are read, their "
        "metadata is not; at most 100 MiB more memory",
        make_bombs,
        num_quick=2,
    ),
)
