"""The paper's networks as tables: one row per hidden layer.

`NETWORKS` has them by the name that the setting `model.network` takes. The last layer,
fc8, has as many units as there are classes and is not in the tables.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class ConvolutionRow:
    """A convolutional layer of the table.

    Attributes:
      name: "conv1".
      kernels: of all towers together.
      size: side of the kernels, pixels.
      stride: pixels.
      padding: zeros before and after, pixels, on both axes.
      initial_bias: 1 speeds the early learning (section 5).
      sees_all: whether it sees every tower's maps or its own tower's. (Either way
        conv1 sees the images.)
      normalized: whether response normalization follows.
      pooled: whether pooling follows.
    """

    name: str
    kernels: int
    size: int
    stride: int
    padding: tuple[int, int]
    initial_bias: float
    sees_all: bool
    normalized: bool
    pooled: bool


@dataclasses.dataclass(frozen=True)
class DenseRow:
    """A fully-connected hidden layer of the table; it sees every tower's units.

    Attributes:
      name: "fc6".
      units: of all towers together.
      initial_bias: 1 (section 5).
      dropout: whether dropout follows (section 4.2).
    """

    name: str
    units: int
    initial_bias: float
    dropout: bool


Row = ConvolutionRow | DenseRow


@dataclasses.dataclass(frozen=True)
class Network:
    """A network.

    Attributes:
      num_towers: 2, or 1 where nothing is divided.
      rows: the hidden layers, from the images on.
    """

    num_towers: int
    rows: tuple[Row, ...]


# Section 3.5, figure 2: two towers of half of the kernels each. conv2, conv4 and conv5
# see their own tower's maps; conv3 and the fully-connected layers see both towers'.
# One image's maps, both towers, on every line: after the layer | after pooling.
# 60,965,224 parameters with 1,000 classes.
ALEXNET = Network(
    2,
    (
        #               name    n   size  s  padding bias  all   lrn    pool
        ConvolutionRow(
            "conv1", 96, 11, 4, (0, 3), 0, False, True, True
        ),  # 55x55 | 27x27
        ConvolutionRow(
            "conv2", 256, 5, 1, (2, 2), 1, False, True, True
        ),  # 27x27 | 13x13
        ConvolutionRow("conv3", 384, 3, 1, (1, 1), 0, True, False, False),  # 13x13
        ConvolutionRow("conv4", 384, 3, 1, (1, 1), 1, False, False, False),  # 13x13
        ConvolutionRow(
            "conv5", 256, 3, 1, (1, 1), 1, False, False, True
        ),  # 13x13 | 6x6
        DenseRow("fc6", 4096, 1, True),
        DenseRow("fc7", 4096, 1, True),
    ),
)

# Section 3.2 with its footnote: half as many kernels in each convolutional layer, but
# for the last, which like the fully-connected layers keeps its size, so that both
# networks have about as many parameters. 59,798,312 with 1,000 classes.
ONE_GPU = Network(
    1,
    (
        #               name    n   size  s  padding bias  all   lrn    pool
        ConvolutionRow("conv1", 48, 11, 4, (0, 3), 0, False, True, True),
        ConvolutionRow("conv2", 128, 5, 1, (2, 2), 1, False, True, True),
        ConvolutionRow("conv3", 192, 3, 1, (1, 1), 0, False, False, False),
        ConvolutionRow("conv4", 192, 3, 1, (1, 1), 1, False, False, False),
        ConvolutionRow("conv5", 256, 3, 1, (1, 1), 1, False, False, True),
        DenseRow("fc6", 4096, 1, True),
        DenseRow("fc7", 4096, 1, True),
    ),
)

NETWORKS = {"alexnet": ALEXNET, "one_gpu": ONE_GPU}


def scale_rows(rows: Sequence[Row], width: float, num_towers: int) -> tuple[Row, ...]:
    """The rows with `width` times the kernels and units, the same in every tower."""

    def scale(number: int) -> int:
        return max(1, round(number * width / num_towers)) * num_towers

    return tuple(
        dataclasses.replace(row, kernels=scale(row.kernels))
        if isinstance(row, ConvolutionRow)
        else dataclasses.replace(row, units=scale(row.units))
        for row in rows
    )


def compare_inputs(full: Sequence[Row], scaled: Sequence[Row]) -> list[float]:
    """How many times as many inputs a unit has in `full` as in `scaled`.

    Args:
      full: the rows of a network.
      scaled: the same rows with other widths.

    Returns:
      A ratio for each row and for the layer after the last one. The first is 1, as the
      images do not change.
    """
    sizes = [
        _get_size(row) / _get_size(own) for row, own in zip(full, scaled, strict=True)
    ]
    return [1.0, *sizes]


def _get_size(row: Row) -> int:
    return row.kernels if isinstance(row, ConvolutionRow) else row.units
