"""One image's random numbers, the same on every machine and NumPy version.

NumPy promises only that the raw output of a bit generator never changes (and not, for
example, `Generator.uniform`), so every number here is computed from it.
"""

from __future__ import annotations

import numpy as np

from tfrecords import stable_random


class Draws:
    """Random numbers that depend only on (seed, stream); Philox, counter 0."""

    def __init__(self, seed: int, stream: int):
        self._generator = stable_random.make_generator(seed, stream)

    def uniform(self, low: float, high: float) -> float:
        """A float in [low, high): the raw word's upper 53 bits, over 2^53."""
        word = int(self._generator.random_raw())
        return low + (high - low) * (word >> 11) / (1 << 53)

    def integer(self, low: int, high: int) -> int:
        """An integer in low..high, both included; high - low well under 2^53."""
        return low + int(self.uniform(0, high - low + 1))

    def white_noise(self, *shape: int) -> np.ndarray:
        """Float64 `shape`, independent, mean 0, variance 1, in -1.73..1.73.

        A raw word's eight bytes b, lowest first, give (b - 127.5) / sqrt((2^16 - 1) /
        12): uniform, not normal, which makes no difference in sums of many.
        """
        size = int(np.prod(shape))
        words = self._generator.random_raw(-(-size // 8)).astype("<u8")
        noise = words.view(np.uint8)[:size].reshape(shape) - 127.5
        return noise / ((2**16 - 1) / 12) ** 0.5
