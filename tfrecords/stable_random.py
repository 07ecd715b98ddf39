"""Seeded permutations that are the same with every version of NumPy.

`Generator.permutation` may change between NumPy releases. The raw output of Philox, a
published counter-based generator, may not, and sorting it gives a uniform permutation.
"""

from __future__ import annotations

import numpy as np


def make_generator(seed: int, stream: int) -> np.random.Philox:
    """The bit generator of (seed, stream), any integers taken modulo 2^64."""
    mask = (1 << 64) - 1
    return np.random.Philox(key=np.array([seed & mask, stream & mask], np.uint64))


def make_permutation(size: int, seed: int, stream: int) -> np.ndarray:
    """A permutation of 0..size-1, int64 [size], that depends only on the arguments.

    `seed` is the user's choice, `stream` one of its permutations, such as the epoch.
    """
    return np.argsort(make_generator(seed, stream).random_raw(size), kind="stable")
