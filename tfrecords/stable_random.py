"""Seeded permutations that are the same with every version of NumPy.

`Generator.permutation` may change between NumPy releases. The raw output of Philox, a
published counter-based generator, may not, and sorting it gives a uniform permutation.
"""

from __future__ import annotations

import numpy as np


def make_permutation(size: int, seed: int, stream: int) -> np.ndarray:
    """A permutation of 0..size-1 that depends only on (size, seed, stream).

    Args:
      size: at least 0.
      seed: any integer; the user's choice.
      stream: any integer; which of the seed's permutations, for example the epoch.

    Returns:
      int64 [size].
    """
    mask = (1 << 64) - 1
    generator = np.random.Philox(key=np.array([seed & mask, stream & mask], np.uint64))
    return np.argsort(generator.random_raw(size), kind="stable")
