"""The network as a table: one row per hidden layer (paper, section 3.5, figure 2).

conv2, conv4 and conv5 see their own tower's maps; conv3 and the fully-connected layers
see every tower's.
"""

from __future__ import annotations

import dataclasses


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

# One image's maps, both towers, on every line: after the layer | after pooling.
ALEXNET: tuple[Row, ...] = (
    #               name    n   size  s  padding bias  all   lrn    pool
    ConvolutionRow("conv1", 96, 11, 4, (0, 3), 0, False, True, True),  # 55x55 | 27x27
    ConvolutionRow("conv2", 256, 5, 1, (2, 2), 1, False, True, True),  # 27x27 | 13x13
    ConvolutionRow("conv3", 384, 3, 1, (1, 1), 0, True, False, False),  # 13x13
    ConvolutionRow("conv4", 384, 3, 1, (1, 1), 1, False, False, False),  # 13x13
    ConvolutionRow("conv5", 256, 3, 1, (1, 1), 1, False, False, True),  # 13x13 | 6x6
    DenseRow("fc6", 4096, 1, True),
    DenseRow("fc7", 4096, 1, True),
)


def scale_rows(rows: tuple[Row, ...], width: float, num_towers: int) -> tuple[Row, ...]:
    """The table with `width` times the kernels and units, the same in every tower."""

    def scale(number: int) -> int:
        return max(1, round(number * width / num_towers)) * num_towers

    return tuple(
        dataclasses.replace(row, kernels=scale(row.kernels))
        if isinstance(row, ConvolutionRow)
        else dataclasses.replace(row, units=scale(row.units))
        for row in rows
    )
