"""A line through points, by hand."""

from __future__ import annotations

import math
import sys

import pytest

from tools.benchmarks import memory_subjects


def test_a_line_with_its_standard_error():
    # Means 1.5 and 2.5; sums about them: x^2 5, xy 4, y^2 5. The slope is 4 / 5, what
    # is left 5 - 4^2 / 5 = 1.8, the error sqrt(1.8 / 2 / 5).
    line = memory_subjects.fit_line([0, 1, 2, 3], [1, 3, 2, 4])
    assert line.slope == pytest.approx(0.8)
    assert line.standard_error == pytest.approx(math.sqrt(0.18))


def test_two_points_have_no_error():
    assert memory_subjects.fit_line([1, 3], [5, 4]) == memory_subjects.Line(-0.5, None)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
