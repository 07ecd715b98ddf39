"""Seeded permutations that no NumPy version changes.

`Generator.permutation` may change its stream between NumPy releases; the raw output
of Philox may not (it is a published counter-based generator), and a stable sort of
it is a uniform permutation.
"""

from __future__ import annotations

import numpy as np


def make_permutation(size: int, seed: int, stream: int) -> np.ndarray:
    """A permutation of 0..size-1 that depends on (size, seed, stream) alone.

    Args:
      size: how many there are, at least 0.
      seed: any integer; the user's choice.
      stream: any integer; which of the seed's permutations, an epoch for example.

    Returns:
      int64 [size].
    """
    mask = (1 << 64) - 1
    generator = np.random.Philox(key=np.array([seed & mask, stream & mask], np.uint64))
    return np.argsort(generator.random_raw(size), kind="stable")
