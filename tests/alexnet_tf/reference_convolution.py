"""The convolution in NumPy float64, the layers' and their gradients' reference."""

from __future__ import annotations

import numpy as np


def convolve(
    x: np.ndarray, kernel: np.ndarray, stride: int, padding: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """[B, H, W, C] * [k, k, C, N], one output pixel at a time.

    Returns:
      (float64 [B, H', W', N], the windows [B, H', W', k, k, C] that were multiplied).
    """
    size = kernel.shape[0]
    x = np.pad(x.astype(np.float64), ((0, 0), padding, padding, (0, 0)))
    height = (x.shape[1] - size) // stride + 1
    width = (x.shape[2] - size) // stride + 1
    windows = np.empty((len(x), height, width, *kernel.shape[:3]))
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            windows[:, row, column] = x[:, top : top + size, left : left + size]
    return np.tensordot(windows, kernel.astype(np.float64), 3), windows
