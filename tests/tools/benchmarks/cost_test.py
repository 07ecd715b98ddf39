"""The roofline by hand, on a GPU of round numbers."""

from __future__ import annotations

import sys

import pytest

from tools.benchmarks import cost

# 1 TFLOP/s, 1 GB/s, a link of 1 GB/s; it reaches all of it and launches in no time.
ROUND = cost.Gpu("round", 1e12, 1e9, 1e9, 1.0, 1.0, 0, 0.0)
# Batch 10; 2 GFLOP and 1,000 outputs per image; 100,000 parameters.
WORK = (10, 2e9, 100_000, 1000)


def test_one_gpu():
    step = cost.estimate_step(ROUND, 1, *WORK)
    products = 10 * 2e9 / 1e12
    memory = (38 * 100_000 + 10 * 10 * 1000) / 1e9
    assert step.images == 10
    assert step.limit == pytest.approx(max(products, memory)) == pytest.approx(0.02)
    assert step.expected == pytest.approx(products + memory) == pytest.approx(0.0239)


def test_two_gpus_share_the_work_and_exchange():
    step = cost.estimate_step(ROUND, 2, *WORK)
    # pool2 and pool5 of 128 maps, fc6 and fc7 of 2,048 units; there and back.
    elements = 2 * (21_632 + 4_608 + 4_096)
    link = 10 * (2 * elements + 602_112) / 1e9
    assert step.images == 10
    assert step.expected == pytest.approx(0.0239 / 2 + link)


def test_eight_are_four_copies_that_sum_their_gradients():
    pair, step = (cost.estimate_step(ROUND, n, *WORK) for n in (2, 8))
    assert step.images == 40
    reduced = 2 * 3 / 4 * 4 * 50_000 / 1e9
    assert step.expected == pytest.approx(pair.expected + reduced)


def test_launching_bounds_a_small_step():
    gpu = cost.Gpu("slow to launch", 1e12, 1e9, 1e9, 1.0, 1.0, 100, 0.01)
    step = cost.estimate_step(gpu, 1, *WORK)
    assert step.expected == pytest.approx(1.0)
    assert step.limit == pytest.approx(0.02)


def test_towers_come_in_pairs():
    with pytest.raises(ValueError, match="pairs of them, not 3"):
        cost.estimate_step(ROUND, 3, *WORK)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
