"""Images of 256x256 for tests of crops and views."""

from __future__ import annotations

import numpy as np


def make_coordinate_image() -> np.ndarray:
    """uint8 [256, 256, 3] whose pixel (y, x) is (y, x, 7)."""
    image = np.full((256, 256, 3), 7, np.uint8)
    image[..., 0] = np.arange(256)[:, np.newaxis]
    image[..., 1] = np.arange(256)
    return image


def make_noise_image(seed: int) -> np.ndarray:
    """uint8 [256, 256, 3] of independent random values."""
    return np.random.default_rng(seed).integers(0, 256, (256, 256, 3)).astype(np.uint8)
