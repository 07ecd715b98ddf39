"""Which subjects there are: the function that measures each, and a line on it."""

from __future__ import annotations

from collections.abc import Callable

from tools.benchmarks import subjects
from tools.benchmarks.contest import Options
from tools.benchmarks.report import Result

SUBJECTS: dict[str, tuple[Callable[[Options], Result], str]] = {
    "train": (
        subjects.measure_training,
        "the training step beside the limit of matrix products, and PyTorch",
    ),
    "normalization": (
        subjects.measure_normalization,
        "response normalization forward and backward, by method",
    ),
}


def list_subjects() -> str:
    """A line for each subject."""
    width = max(map(len, SUBJECTS))
    return "\n".join(f"  {n.ljust(width)}  {text}" for n, (_, text) in SUBJECTS.items())
