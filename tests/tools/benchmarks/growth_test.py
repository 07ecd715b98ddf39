"""The arithmetic of growth, by hand, and its image."""

from __future__ import annotations

import sys

import pytest
from PIL import Image

from tools.benchmarks import growth

SERIES = {"images": {1000: 8.0, 10: 2.0, 100: 2.0}, "workers": {1: 6.0, 2: 3.0}}


def test_rows_are_sorted_with_exponents_from_size_to_size():
    rows = growth.list_rows(SERIES)
    assert [row[:3] for row in rows] == [
        ("images", 10, 2.0),
        ("images", 100, 2.0),
        ("images", 1000, 8.0),
        ("workers", 1, 6.0),
        ("workers", 2, 3.0),
    ]
    assert [row[3] for row in rows] == [200.0, 20.0, 8.0, 6000.0, 1500.0]
    # log10(8 / 2) = 0.60206; half the time by twice the workers.
    assert [row[4] for row in rows] == [
        None,
        pytest.approx(0.0),
        pytest.approx(0.60206, abs=1e-5),
        None,
        pytest.approx(-1.0),
    ]


def test_batches_double_up_to_twice_the_batch():
    assert growth.list_batches(128) == [16, 32, 64, 128, 256]
    assert growth.list_batches(2) == [1, 2, 4]


def test_the_plot_is_an_image(tmp_path):
    path = tmp_path / "growth.png"
    growth.plot(SERIES, str(path))
    assert Image.open(path).size == (2400, 1050)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
