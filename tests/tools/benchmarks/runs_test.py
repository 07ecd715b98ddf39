"""What is read from a run's entries, the rows of runs and the line of memory."""

from __future__ import annotations

import math
import sys

import pytest

from tools.benchmarks import runs


def make_entry(step, rate, waiting):
    return {"step": step, "images_per_second": rate, "input_wait_share": waiting}


def test_rates_leave_the_first_entry_out():
    seen = [
        (100.0, make_entry(10, 1.0, 0.9)),
        # 10 steps of 8 at 40 a second: 2 s, half of them waiting for input.
        (103.0, make_entry(20, 40.0, 0.5)),
        # 10 more at 20 a second: 4 s, without waiting.
        (108.0, make_entry(30, 20.0, 0.0)),
    ]
    answer = runs.summarize_entries(seen, batch_size=8)
    assert answer["clock"] == pytest.approx(160 / 8)
    assert answer["entries"] == pytest.approx(160 / 6)
    assert answer["waiting"] == pytest.approx(1 / 6)


def test_medians_beside_the_bare_step():
    rounds = [
        {"clock": 80.0, "entries": 90.0, "waiting": 0.1},
        {"clock": 70.0, "entries": 85.0, "waiting": 0.0},
        {"clock": 100.0, "entries": 99.0, "waiting": 0.2},
    ]
    assert runs.list_runs({"run": rounds}, bare=[90.0, 100.0, 120.0]) == [
        ("run", 80.0, pytest.approx(37.5), pytest.approx(0.8), 90.0, 0.1),
        ("bare step", 100.0, pytest.approx(30.0), 1.0, None, None),
    ]


def test_a_line_with_its_standard_error():
    # Means 1.5 and 2.5; sums about them: x^2 5, xy 4, y^2 5. The slope is 4 / 5, the
    # residual sum 5 - 4^2 / 5 = 1.8, the error sqrt(1.8 / 2 / 5).
    slope, error = runs.fit_line([(0, 1), (1, 3), (2, 2), (3, 4)])
    assert slope == pytest.approx(0.8)
    assert error == pytest.approx(math.sqrt(0.18))


def test_two_points_have_no_error():
    assert runs.fit_line([(1, 5), (3, 4)]) == (-0.5, None)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
