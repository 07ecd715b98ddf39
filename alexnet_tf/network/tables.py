"""The paper's networks as tables: one row per hidden layer.

`NETWORKS` maps the values of the setting `model.network` to them. The last layer, fc8,
has one unit per class and is not in the tables.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class ConvolutionRow:
    """A convolutional layer of the table.

    Attributes:
      name: "conv1".
      kernels: number of kernels in all towers together.
      size: side of the kernels, pixels.
      stride: pixels.
      padding: zeros before and after, pixels, on both axes.
      initial_bias: 0 or 1; 1 speeds up early learning (section 5).
      sees_all: whether it sees all towers' maps or only its own tower's (conv1 always
        sees the images).
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
      units: number of units in all towers together.
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
    """A network's towers and hidden layers.

    Attributes:
      num_towers: 1 or 2.
      rows: the hidden layers, from first to last.
    """

    num_towers: int
    rows: tuple[Row, ...]


# Section 3.5, figure 2: two towers with half of the kernels each. conv2, conv4 and
# conv5 see their own tower's maps; conv3 and the fully-connected layers see both
# towers'. Each line gives the map size after the layer | after pooling.
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

# Section 3.2 and its footnote: half as many kernels in each convolutional layer but the
# last. conv5 and the fully-connected layers keep their size, so that both networks have
# about as many parameters. 59,798,312 with 1,000 classes.
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
    """Multiplies all numbers of kernels and units by `width`, equally per tower."""

    def scale(number: int) -> int:
        return max(1, round(number * width / num_towers)) * num_towers

    return tuple(
        dataclasses.replace(row, kernels=scale(row.kernels))
        if isinstance(row, ConvolutionRow)
        else dataclasses.replace(row, units=scale(row.units))
        for row in rows
    )


def compare_inputs(full: Sequence[Row], scaled: Sequence[Row]) -> list[float]:
    """The ratio of a unit's number of inputs in `full` to that in `scaled`.

    `scaled` are the same rows at another width. There is a ratio for each row and for
    the layer after the last one. The first is 1, as the images do not change.
    """
    sizes = [
        _get_size(row) / _get_size(own) for row, own in zip(full, scaled, strict=True)
    ]
    return [1.0, *sizes]


def _get_size(row: Row) -> int:
    return row.kernels if isinstance(row, ConvolutionRow) else row.units
