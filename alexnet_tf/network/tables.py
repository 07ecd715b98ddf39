"""A network as a table: one row per hidden layer.

The tables themselves are in `networks`. The last layer, with one unit per class, is not
a row; `Network.last` names it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class ConvolutionRow:
    """A convolutional layer of the table."""

    name: str  # "conv1", or "local3" where the layer is locally connected
    kernels: int  # in all towers together
    size: int  # side of the kernels, pixels
    stride: int  # pixels
    padding: tuple[int, int]  # zeros before and after, pixels, on both axes
    initial_bias: float  # 0 or 1; 1 speeds up early learning (section 5)
    # Whether it sees all towers' maps or only its own tower's (the first layer always
    # sees the images).
    sees_all: bool
    normalized: bool  # whether response normalization follows
    pooled: bool  # whether pooling follows
    pooled_first: bool = False  # whether pooling comes before the normalization
    local: bool = False  # whether every output pixel has kernels and biases of its own


@dataclasses.dataclass(frozen=True)
class SubsamplingRow:
    """Normalization and pooling without the convolution that they followed.

    The row "2" is what remains of lrn2 and pool2, which followed conv2.
    """

    name: str
    normalized: bool
    pooled: bool


@dataclasses.dataclass(frozen=True)
class DenseRow:
    """A fully-connected hidden layer of the table."""

    name: str  # "fc6"
    units: int  # in all towers together
    initial_bias: float  # 1 (section 5)
    dropout: bool  # whether dropout follows (section 4.2)
    sees_all: bool = True  # whether it sees all towers' units or only its own tower's


Row = ConvolutionRow | SubsamplingRow | DenseRow


@dataclasses.dataclass(frozen=True)
class Network:
    """A network's number of towers, 1 or 2, and its hidden layers from first to last.

    `last` is the name of the last layer, which sees all towers.
    """

    num_towers: int
    rows: tuple[Row, ...]
    last: str = "fc8"

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers with weights, from first to last."""
        return (*(row.name for row in list_weighted(self.rows)), self.last)


def list_weighted(rows: Sequence[Row]) -> list[ConvolutionRow | DenseRow]:
    """The rows with weights."""
    return [row for row in rows if not isinstance(row, SubsamplingRow)]


def scale_rows(rows: Sequence[Row], width: float, num_towers: int) -> tuple[Row, ...]:
    """Multiplies all numbers of kernels and units by `width`, equally per tower."""

    def scale(number: int) -> int:
        return max(1, round(number * width / num_towers)) * num_towers

    scaled: list[Row] = []
    for row in rows:
        if isinstance(row, ConvolutionRow):
            row = dataclasses.replace(row, kernels=scale(row.kernels))
        elif isinstance(row, DenseRow):
            row = dataclasses.replace(row, units=scale(row.units))
        scaled.append(row)
    return tuple(scaled)


def compare_inputs(full: Sequence[Row], scaled: Sequence[Row]) -> list[float]:
    """The ratio of a unit's number of inputs in `full` to that in `scaled`.

    There is one for each layer with weights, the last included. The first is 1, as the
    images do not change.
    """
    sizes = [
        _get_size(row) / _get_size(own)
        for row, own in zip(list_weighted(full), list_weighted(scaled), strict=True)
    ]
    return [1.0, *sizes]


def _get_size(row: ConvolutionRow | DenseRow) -> int:
    return row.kernels if isinstance(row, ConvolutionRow) else row.units
