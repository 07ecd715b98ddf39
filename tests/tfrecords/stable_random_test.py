"""Permutations are permutations, uniform, and the same for ever."""

import itertools
import sys

import numpy as np
import pytest
from scipy import stats

from tfrecords import stable_random


@pytest.mark.parametrize("size", [0, 1, 2, 1000])
def test_every_number_comes_once(size):
    result = stable_random.make_permutation(size, 1, 2)
    assert result.dtype == np.int64
    assert sorted(result) == list(range(size))


def test_golden_values():
    # Written down once: any change would change every converted data set.
    assert stable_random.make_permutation(10, 0, 0).tolist() == [
        0,
        2,
        9,
        1,
        8,
        5,
        4,
        3,
        6,
        7,
    ]
    assert stable_random.make_permutation(10, 2012, 1).tolist() == [
        7,
        6,
        9,
        3,
        0,
        4,
        2,
        5,
        8,
        1,
    ]


def test_the_raw_stream_is_philox_4x64():
    # Random123, kat_vectors: philox4x64-10, counter 0, key 0. NumPy increments the
    # counter before its first block, so that counter -1 gives that of counter 0.
    generator = np.random.Philox(
        key=np.zeros(2, np.uint64), counter=np.full(4, 2**64 - 1, np.uint64)
    )
    assert [hex(value) for value in generator.random_raw(4)] == [
        "0x16554d9eca36314c",
        "0xdb20fe9d672d0fdc",
        "0xd7e772cee186176b",
        "0x7e68b68aec7ba23b",
    ]


def test_seeds_and_streams_differ():
    keys = [(seed, stream) for seed in (-1, 0, 1, 2**63, 10**30) for stream in range(4)]
    seen = {tuple(stable_random.make_permutation(50, *key)) for key in keys}
    assert len(seen) == len(keys)
    # Seed and stream are not interchangeable.
    assert tuple(stable_random.make_permutation(50, 0, 1)) != tuple(
        stable_random.make_permutation(50, 1, 0)
    )


def test_all_orders_are_equally_likely():
    counts = dict.fromkeys(itertools.permutations(range(4)), 0)
    for stream in range(4800):
        counts[tuple(stable_random.make_permutation(4, 7, stream))] += 1
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_positions_are_uniform():
    size = 20
    counts = np.zeros((size, size), int)
    for stream in range(4000):
        counts[np.arange(size), stable_random.make_permutation(size, 3, stream)] += 1
    expected = 4000 / size
    chi_square = ((counts - expected) ** 2 / expected).sum()
    # Rows and columns have fixed sums: (size - 1)^2 degrees of freedom.
    assert stats.chi2.sf(chi_square, (size - 1) ** 2) > 1e-3


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
