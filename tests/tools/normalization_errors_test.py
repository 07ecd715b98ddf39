"""Tests of `tools/normalization_errors.py`: its float64 is right, errors are found."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests import scripts

normalization_errors = scripts.import_script("tools.normalization_errors")


def test_one_map_by_hand():
    # s = 2 + 0.0001 * 100 = 2.01.
    y, dx = normalization_errors.normalize_exactly(
        np.array([[10.0]]), np.array([[1.0]])
    )
    assert y[0, 0] == pytest.approx(10 * 2.01**-0.75)
    assert dx[0, 0] == pytest.approx(2.01**-0.75 - 2e-4 * 0.75 * 100 * 2.01**-1.75)


def test_the_gradient_is_that_of_the_values():
    rng = np.random.default_rng(0)
    x, dy = 50 * rng.standard_normal((2, 7)), rng.standard_normal((2, 7))
    _, dx = normalization_errors.normalize_exactly(x, dy)
    for place in ((0, 0), (1, 3), (0, 6)):
        step = np.zeros_like(x)
        step[place] = 1e-4
        up, down = (
            normalization_errors.normalize_exactly(x + sign * step, dy)[0]
            for sign in (1, -1)
        )
        slope = ((up - down) * dy).sum() / 2e-4
        assert slope == pytest.approx(dx[place], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    "dtype, smallest, largest", [("float32", 1e-9, 1e-6), ("bfloat16", 1e-4, 2e-2)]
)
def test_errors_are_of_the_size_of_the_arithmetic(dtype, smallest, largest):
    forward, backward, device = normalization_errors.measure(
        "banded", dtype, (2, 5, 5, 48)
    )
    assert smallest < forward < largest and smallest < backward < largest
    assert device == "CPU:0"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
