"""The regions of a pyramid, on grids that can be counted by hand."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tools.baseline_models import regions


def test_regions_by_hand():
    grid = np.arange(6).reshape(3, 2, 1)
    found = [part.ravel().tolist() for part in regions.split([grid], ((1, 1), (3, 2)))]
    assert found == [[0, 1, 2, 3, 4, 5], [0], [1], [2], [3], [4], [5]]
    assert regions.count(((1, 1), (3, 2))) == len(found)


def test_every_grid_has_its_part_in_each_region():
    grids = [np.full((4, 4, 2), 1), np.full((2, 2, 2), 7)]
    whole, *quarters = regions.split(grids, ((1, 1), (2, 2)))
    assert whole.shape == (20, 2)
    assert [part[:, 0].tolist() for part in quarters] == [[1, 1, 1, 1, 7]] * 4


def test_uneven_regions_cover_everything_once():
    grid = np.arange(35).reshape(5, 7, 1)
    parts = list(regions.split([grid], ((3, 2),)))
    assert sorted(np.concatenate(parts).ravel()) == list(range(35))
    assert min(map(len, parts)) >= 3


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
