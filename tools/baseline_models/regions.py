"""The regions of a spatial pyramid (Lazebnik et al., CVPR 2006)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


def split(
    grids: Sequence[np.ndarray], pyramid: Sequence[tuple[int, int]]
) -> Iterator[np.ndarray]:
    """The vectors of every region, [n, D] each, one level after another, row by row.

    Args:
      grids: vectors on regular grids that span the image, [rows, columns, D] each.
      pyramid: for every level the rows and columns of its regions: ((1, 1), (2, 2)) is
        the whole image and its quarters. A grid needs at least as many of both.
    """
    for rows, columns in pyramid:
        for row in range(rows):
            for column in range(columns):
                parts = [
                    grid[
                        _cut(row, rows, len(grid)), _cut(column, columns, grid.shape[1])
                    ]
                    for grid in grids
                ]
                yield np.concatenate([p.reshape(-1, p.shape[-1]) for p in parts])


def count(pyramid: Sequence[tuple[int, int]]) -> int:
    """The number of regions of all levels."""
    return sum(rows * columns for rows, columns in pyramid)


def _cut(number: int, parts: int, length: int) -> slice:
    return slice(number * length // parts, (number + 1) * length // parts)
