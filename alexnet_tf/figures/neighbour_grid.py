"""Draws the paper's figure 4, right: queries and the training images most like them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alexnet_tf.figures import matplotlib_defaults

_INCHES = 1.1
# Between the queries and what they found, inches.
_GAP = 0.18
# Around each image, of its side.
_MARGIN = 0.03


@matplotlib_defaults.default_style()
def draw_neighbours(
    queries: Sequence[np.ndarray],
    neighbours: Sequence[Sequence[np.ndarray]],
    path: str,
) -> None:
    """Draws a row for each query: the query, then its neighbours, the nearest first.

    All images are uint8 [height, width, 3]; there is at least one query. The suffix of
    `path` is the format: .png, .pdf or .svg. Raises `UserError` for another suffix, and
    `StorageError` if the file cannot be written.
    """
    # Not pyplot, which would display the figure when called from a notebook.
    from matplotlib import figure as figure_lib

    num_columns = 1 + max(len(row) for row in neighbours)
    width = _INCHES * num_columns + _GAP
    figure = figure_lib.Figure(figsize=(width, _INCHES * len(queries)))
    for row, (query, found) in enumerate(zip(queries, neighbours, strict=True)):
        for column, image in enumerate([query, *found]):
            left = _INCHES * column + (_GAP if column else 0)
            bottom = 1 - (row + 1) / len(queries)
            box = (left / width, bottom, _INCHES / width, 1 / len(queries))
            axis = figure.add_axes(_shrink(box))
            axis.set_axis_off()
            axis.imshow(image)
    matplotlib_defaults.save(figure, path)


def _shrink(
    box: tuple[float, float, float, float],
) -> tuple[float, float, float, float]:
    # A margin on each side, so that neighbouring images do not touch.
    left, bottom, width, height = box
    inner = 1 - 2 * _MARGIN
    return (
        left + _MARGIN * width,
        bottom + _MARGIN * height,
        inner * width,
        inner * height,
    )
