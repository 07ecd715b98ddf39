"""The rows of runs beside the bare step, by hand."""

from __future__ import annotations

import sys

import pytest

from tools.benchmarks import run_subjects


def test_medians_beside_the_bare_step():
    rounds = [
        {"clock": 80.0, "entries": 90.0, "waiting": 0.1},
        {"clock": 70.0, "entries": 85.0, "waiting": 0.0},
        {"clock": 100.0, "entries": 99.0, "waiting": 0.2},
    ]
    assert run_subjects.list_rows({"run": rounds}, bare=[90.0, 100.0, 120.0]) == [
        ("run", 80.0, pytest.approx(37.5), pytest.approx(0.8), 90.0, 0.1),
        ("bare step", 100.0, pytest.approx(30.0), 1.0, None, None),
    ]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
