"""Hostile requests to an export: mutated, of other types, and bombs."""

from __future__ import annotations

import functools
import importlib.util
import pathlib
from collections.abc import Sequence

from tests.faults import program, watched
from tests.faults.engine import Case, Fault
from tests.tfrecords import image_bombs

_SECTION = "Hostile input"
_PROGRAM = "tests.programs.answer_requests"
_NUM_CALLS, _CALLS_BLOCK = 20_000, 500
_NUM_REQUESTS, _REQUESTS_BLOCK = 2_000, 125
_READ = ("png zTXt", "png zTXt behind", "png iCCP")


def _make_export(shared: pathlib.Path) -> str:
    ended = program.run_python("-m", "tests.programs.make_export", str(shared))
    assert ended.returncode == 0, ended.stderr
    return str(shared / "exports" / "1")


def _make_blocks(
    kind: str, total: int, block: int, shared: pathlib.Path, seed: int
) -> Sequence[Case]:
    export = _make_export(shared)

    def check(first: int, scratch: pathlib.Path) -> None:
        counts = watched.run(
            *(_PROGRAM, export, kind, str(first), str(block), str(seed)),
            scratch=scratch,
        )
        assert sum(counts.values()) == block
        # Not all of them may be good, or bad.
        assert counts["answered"] > block // 20 and counts["refused"], counts

    return [
        Case(
            f"{kind} {first} to {first + block - 1}",
            functools.partial(check, first),
            num_faults=block,
        )
        for first in range(0, total, block)
    ]


def make_calls(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """Calls of the signatures."""
    return _make_blocks("called", _NUM_CALLS, _CALLS_BLOCK, shared, seed)


def make_requests(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """Requests to a server."""
    return _make_blocks("served", _NUM_REQUESTS, _REQUESTS_BLOCK, shared, seed)


def make_bombs(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """Each bomb, in a request with a good image."""
    del seed
    export = _make_export(shared)

    def check(name: str, scratch: pathlib.Path) -> None:
        counts = watched.run(_PROGRAM, export, "bomb", name, scratch=scratch)
        assert counts == {"answered" if name in _READ else "explained": 1}, counts

    return [
        Case(name, functools.partial(check, name)) for name in image_bombs.make_bombs()
    ]


def _find_problem() -> str | None:
    if importlib.util.find_spec("tensorflow_serving") is None:
        return "the extra serving is not installed"
    return None


_ANSWERED = (
    "An error, or an answer that says why there is none; the good image of the same "
    "request, and the next good request, are answered as ever"
)

FAULTS = (
    Fault(
        "request_calls",
        _SECTION,
        f"{_NUM_CALLS:,} calls of an export's signatures: mutated images of five "
        "formats, tensors of other types, ranks and names",
        f"{_ANSWERED}; at most 100 MiB more memory",
        make_calls,
        num_quick=1,
    ),
    Fault(
        "request_mutants",
        _SECTION,
        f"{_NUM_REQUESTS:,} mutated requests to a gRPC server over an export, every "
        "hundredth of 5 MiB; fewer, as each takes the whole way through a server",
        f"{_ANSWERED}; at most 100 MiB more memory",
        make_requests,
        num_quick=1,
        find_problem=_find_problem,
    ),
    Fault(
        "request_bombs",
        _SECTION,
        "The bombs above, in requests",
        "Answered with the reason before they are decoded; those whose metadata alone "
        "is large are answered; at most 100 MiB more memory",
        make_bombs,
        num_quick=1,
    ),
)
