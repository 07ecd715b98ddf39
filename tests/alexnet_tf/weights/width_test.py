"""Tests of `weights.width`: the width of every narrow export is found again."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.network.networks import NETWORKS
from alexnet_tf.network.tables import ConvolutionRow, scale_rows
from alexnet_tf.weights import width


def make_biases(network, factor):
    """Biases of the hidden layers, half of them of each tower."""
    arrays = {}
    for row in scale_rows(NETWORKS[network].rows, factor, NETWORKS[network].num_towers):
        size = row.kernels if isinstance(row, ConvolutionRow) else row.units
        arrays[f"{row.name}/bias"] = np.zeros(size, np.float32)
    return arrays


@pytest.mark.parametrize("factor", [1.0, 0.5, 0.25, 0.1, 0.3, 0.0625, 1 / 3, 2.0])
@pytest.mark.parametrize("network", ["alexnet", "one_gpu", "late_exchange"])
def test_the_width_gives_the_same_sizes(network, factor):
    arrays = make_biases(network, factor)
    found = width.find_width("a.npz", arrays, NETWORKS[network])
    expected = {name: array.shape for name, array in arrays.items()}
    again = make_biases(network, found)
    assert {name: array.shape for name, array in again.items()} == expected
    # Of several that do, the shortest.
    assert len(f"{found:g}") <= len(f"{factor:g}")


def test_towers_of_one_layer_are_added():
    arrays = {f"fc6{tower}/bias": np.zeros(205, np.float32) for tower in "ab"}
    assert width.find_width("a.npz", arrays, NETWORKS["alexnet"]) == 0.1


def test_other_sizes_have_no_width():
    arrays = make_biases("alexnet", 0.5)
    arrays["conv3/bias"] = np.zeros(190, np.float32)
    assert width.find_width("a.npz", arrays, NETWORKS["alexnet"]) is None
    only_last = {"fc8/bias": np.zeros(10, np.float32)}
    assert width.find_width("a.npz", only_last, NETWORKS["alexnet"]) is None


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
