"""Finds the width of a network from a file of its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from alexnet_tf.network.tables import (
    ConvolutionRow,
    DenseRow,
    Network,
    list_weighted,
    scale_rows,
)
from alexnet_tf.weights import naming


def find_width(
    path: str, arrays: Mapping[str, np.ndarray], network: Network
) -> float | None:
    """The setting `model.width` that gives the file's hidden layers their sizes.

    It is the shortest decimal number that does. None if there is none, or if the file
    holds no hidden layer of the network. The arrays are as in `naming.name_arrays`,
    which raises `DataError` if the layers cannot be identified.
    """
    named, _ = naming.name_arrays(path, arrays)
    sizes: dict[str, int] = {}
    for name, in_file in named.items():
        layer, _, kind = name.partition("/")
        if kind == "bias":
            layer = layer.rstrip("ab")
            sizes[layer] = sizes.get(layer, 0) + len(arrays[in_file])
    full = [row for row in list_weighted(network.rows) if row.name in sizes]
    if not full:
        return None
    # The widest layer gives the width most exactly.
    widest = max(full, key=_get_size)
    exact = sizes[widest.name] / _get_size(widest)
    for digits in range(9):
        width = round(exact, digits)
        scaled = scale_rows(full, width, network.num_towers)
        if width > 0 and _list_sizes(scaled) == [sizes[row.name] for row in full]:
            return width
    return None


def _get_size(row: ConvolutionRow | DenseRow) -> int:
    return row.kernels if isinstance(row, ConvolutionRow) else row.units


def _list_sizes(rows: Sequence[object]) -> list[int]:
    return [
        _get_size(row) for row in rows if isinstance(row, ConvolutionRow | DenseRow)
    ]
