"""Densely sampled local descriptors of an image.

The six models that won ILSVRC-2010 differed in their features, HOG and LBP among them
(Lin et al., CVPR 2011); the Fisher vectors of table 1 were computed from SIFT and from
local colour statistics (Sanchez and Perronnin, CVPR 2011). scikit-image computes the
histograms of gradients (HOG, here in 4x4 cells, as SIFT), DAISY and local binary
patterns.

Every function takes an image, float32 [height, width, 3], RGB in 0..1, and returns
descriptors on a regular grid, float32 [rows, columns, D].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from skimage import color, feature

# Local binary patterns of 8 neighbours: 58 uniform ones, and all others.
_NUM_PATTERNS = 59
# A patch's variance at which its contrast is halved, roughly: flat patches stay flat.
_FLAT_VARIANCE = 10 / 255**2


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How descriptors are sampled: from the image, reduced by `factor`; picklable."""

    compute: Callable[[np.ndarray], np.ndarray]
    factor: int = 1

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The descriptors of an image, uint8 [height, width, 3]."""
        return self.compute(shrink(image, self.factor))


def shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """The means of blocks of `factor` x `factor` pixels, float32 [rows, columns, 3].

    From uint8 [height, width, 3] to 0..1. Pixels beyond the last whole block are left
    out.
    """
    rows, columns = (side // factor for side in image.shape[:2])
    blocks = image[: rows * factor, : columns * factor].astype(np.float32)
    return blocks.reshape(rows, factor, columns, factor, 3).mean((1, 3)) / 255


def compute_gradients(image: np.ndarray, cell: int = 4) -> np.ndarray:
    """Histograms of 8 orientations in 4x4 cells of `cell` pixels, one cell apart.

    D is 128. Lengths are at most 1, with SIFT's clipping at 0.2; a gradient and its
    opposite have the same orientation.
    """
    blocks = feature.hog(
        color.rgb2gray(image),
        orientations=8,
        pixels_per_cell=(cell, cell),
        cells_per_block=(4, 4),
        block_norm="L2-Hys",
        feature_vector=False,
    )
    return blocks.reshape(*blocks.shape[:2], -1).astype(np.float32)


def compute_daisy(image: np.ndarray, step: int = 4, radius: int = 8) -> np.ndarray:
    """DAISY: 8 signed orientations at a centre and on two rings of six points.

    Centres are `step` pixels apart, the outer ring has `radius` pixels. D is 104.
    """
    values = feature.daisy(
        color.rgb2gray(image),
        step=step,
        radius=radius,
        rings=2,
        histograms=6,
        orientations=8,
        normalization="l2",
    )
    return values.astype(np.float32)


def compute_patterns(image: np.ndarray, cell: int = 8) -> np.ndarray:
    """Histograms of uniform local binary patterns in 2x2 cells, one cell apart.

    D is 59. The values are square roots of frequencies, so that lengths are 1.
    """
    gray = np.round(255 * color.rgb2gray(image)).astype(np.uint8)
    codes = feature.local_binary_pattern(gray, 8, 1, method="nri_uniform").astype(int)
    rows, columns = (side // cell for side in codes.shape)
    codes = codes[: rows * cell, : columns * cell]
    row, column = np.indices(codes.shape) // cell
    places = (row * columns + column) * _NUM_PATTERNS + codes
    counts = np.bincount(places.ravel(), minlength=rows * columns * _NUM_PATTERNS)
    counts = counts.reshape(rows, columns, _NUM_PATTERNS)
    sums = counts[:-1, :-1] + counts[:-1, 1:] + counts[1:, :-1] + counts[1:, 1:]
    return np.sqrt(sums / (4 * cell**2)).astype(np.float32)


def compute_colours(image: np.ndarray, cell: int = 6) -> np.ndarray:
    """Mean and standard deviation of R, G and B in 4x4 cells, one cell apart.

    D is 96; the values are 0..1.
    """
    rows, columns = (side // cell for side in image.shape[:2])
    cells = image[: rows * cell, : columns * cell]
    cells = cells.reshape(rows, cell, columns, cell, 3)
    moments = np.concatenate([cells.mean((1, 3)), cells.std((1, 3))], -1)
    return _join_neighbours(moments, 4, 1)


def compute_patches(image: np.ndarray, size: int = 8, step: int = 3) -> np.ndarray:
    """Patches of `size` x `size` pixels, less their mean, divided by their contrast.

    They are `step` pixels apart; D is 3 * size * size.
    """
    patches = _join_neighbours(image, size, step)
    patches = patches - patches.mean(-1, keepdims=True)
    variance = np.square(patches).mean(-1, keepdims=True)
    return patches / np.sqrt(variance + _FLAT_VARIANCE)


def _join_neighbours(cells: np.ndarray, size: int, step: int) -> np.ndarray:
    """Every `size` x `size` neighbourhood in [H, W, C], as a grid of flat vectors."""
    windows = np.lib.stride_tricks.sliding_window_view(cells, (size, size), (0, 1))
    windows = windows[::step, ::step]
    return windows.reshape(*windows.shape[:2], -1)
