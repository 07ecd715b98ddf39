"""A narrow AlexNet's weights as PyTorch orders them, and the same in other orders.

Written index by index, apart from the package's own mapping: conv2, conv4 and conv5
have two groups, kernels are [out, in, height, width] or [out, in], fc6 counts map, row,
column, and the images are RGB.
"""

from __future__ import annotations

import numpy as np

# The factor on the paper's widths.
WIDTH = 1 / 16
NUM_CLASSES = 5
SHAPES = {
    "conv1": (6, 3, 11, 11),
    "conv2": (16, 3, 5, 5),
    "conv3": (24, 16, 3, 3),
    "conv4": (24, 12, 3, 3),
    "conv5": (16, 12, 3, 3),
    "fc6": (256, 16 * 6 * 6),
    "fc7": (256, 256),
    "fc8": (NUM_CLASSES, 256),
}

Weights = dict[str, tuple[np.ndarray, np.ndarray]]


def make_weights(seed: int = 0) -> Weights:
    """Layer -> (kernel, bias), large enough for every layer to matter."""
    rng = np.random.default_rng(seed)
    weights = {}
    for layer, shape in SHAPES.items():
        stddev = np.sqrt(2 / np.prod(shape[1:]))
        weights[layer] = (
            (stddev * rng.standard_normal(shape)).astype(np.float32),
            (0.1 * rng.standard_normal(shape[0])).astype(np.float32),
        )
    return weights


def to_channels_last(weights: Weights, bgr: bool = False) -> Weights:
    """Kernels [height, width, in, out] or [in, out]; fc6 counts row, column, map."""
    result = {}
    for layer, (kernel, bias) in weights.items():
        if layer == "conv1" and bgr:
            kernel = np.stack([kernel[:, c] for c in (2, 1, 0)], axis=1)
        if layer == "fc6":
            maps = SHAPES["conv5"][0]
            columns = [
                (m * 6 + row) * 6 + column
                for row in range(6)
                for column in range(6)
                for m in range(maps)
            ]
            kernel = kernel[:, columns]
        turned = (
            np.moveaxis(kernel, (2, 3, 1, 0), (0, 1, 2, 3))
            if kernel.ndim == 4
            else kernel.T
        )
        result[layer] = (np.ascontiguousarray(turned), bias)
    return result


def to_towers(weights: Weights) -> dict[str, np.ndarray]:
    """The arrays of this package's network by name: the expected import."""
    arrays = {}
    for layer, (kernel, bias) in to_channels_last(weights).items():
        half = len(bias) // 2
        parts = {"a": slice(0, half), "b": slice(half, None)}
        for tower, part in ({"": slice(None)} if layer == "fc8" else parts).items():
            arrays[f"{layer}{tower}/kernel"] = kernel[..., part]
            arrays[f"{layer}{tower}/bias"] = bias[part]
    return arrays


def get_shapes() -> dict[str, tuple[int, ...]]:
    """Of `to_towers`' arrays."""
    return {name: array.shape for name, array in to_towers(make_weights()).items()}


def assert_same_bits(found, expected):
    """The same names, types, shapes and bits."""
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name
