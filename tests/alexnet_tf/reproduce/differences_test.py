"""Tests of `reproduce.differences`: by hand, by theory and by coverage."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from alexnet_tf.reproduce import differences


def make_answers(both, only_arm, only_control, neither):
    """(arm, control) of one fold with so many wrong answers."""
    arm = [True] * both + [True] * only_arm + [False] * (only_control + neither)
    control = [True] * both + [False] * only_arm + [True] * only_control
    return np.array(arm), np.array(control + [False] * neither)


def test_two_folds_by_hand():
    first, second = make_answers(3, 4, 1, 2), make_answers(0, 1, 6, 13)
    found = differences.compare([first[0], second[0]], [first[1], second[1]])
    # (4 - 1) / 10 and (1 - 6) / 20; pooled (3 - 5) / 30.
    assert found.by_fold == pytest.approx((0.3, -0.25))
    assert found.pooled == pytest.approx(-2 / 30)
    assert found.num_images == 30
    assert found.low < found.pooled < found.high


def test_equal_answers_differ_by_nothing():
    arm, _ = make_answers(30, 0, 0, 70)
    found = differences.compare([arm, arm], [arm, arm])
    assert (found.pooled, found.low, found.high) == (0, 0, 0)


def test_one_fold_is_the_normal_interval():
    """Of n changes with mean m and variance s^2: m +- 1.96 s / sqrt(n)."""
    arm, control = make_answers(500, 400, 200, 3900)
    found = differences.compare([arm], [control])
    mean, square = 200 / 5000, 600 / 5000
    margin = 1.96 * math.sqrt((square - mean**2) / 5000)
    assert found.pooled == pytest.approx(mean)
    assert found.low == pytest.approx(mean - margin, abs=0.0006)
    assert found.high == pytest.approx(mean + margin, abs=0.0006)


def test_pairing_narrows_the_interval():
    """Two arms that err on the same images differ less than two independent ones."""
    paired = differences.compare(*([x] for x in make_answers(1000, 60, 20, 3920)))
    apart = differences.compare(*([x] for x in make_answers(200, 860, 820, 3120)))
    assert paired.pooled == apart.pooled == 40 / 5000
    assert paired.low > 0 > apart.low


def test_folds_that_disagree_widen_the_interval():
    alike = [make_answers(100, 60, 20, 780)] * 5
    unlike = [make_answers(100, 120, 0, 740)] * 3 + [make_answers(100, 0, 80, 780)] * 2
    narrow, wide = (
        differences.compare([a for a, _ in folds], [c for _, c in folds])
        for folds in (alike, unlike)
    )
    assert narrow.pooled == pytest.approx(200 / 4800)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_nineteen_of_twenty_intervals_hold_the_truth():
    """One fold of 960 images, the arm truly 2 points worse."""
    generator = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        control = generator.random(960) < 0.25
        arm = np.where(generator.random(960) < 0.1, ~control, control)
        # P(change up) = 0.1 * 0.75, down 0.1 * 0.25: a true difference of 0.05.
        found = differences.compare([arm], [control], seed)
        held += found.low <= 0.05 <= found.high
    assert 180 <= held <= 199


@pytest.mark.parametrize(
    ("arm", "control"), [([], []), ([np.zeros(3, bool)], [np.zeros(4, bool)])]
)
def test_other_images_are_refused(arm, control):
    with pytest.raises(ValueError, match="folds"):
        differences.compare(arm, control)


def test_numbers_have_students_interval():
    # Differences 1, 2, 3: mean 2, s 1, t(0.975, 2) = 4.303.
    found = differences.compare_numbers([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert found.by_fold == (1.0, 2.0, 3.0)
    assert found.pooled == 2.0
    assert found.low == pytest.approx(2 - 4.303 / 3**0.5, abs=1e-3)
    assert found.high == pytest.approx(2 + 4.303 / 3**0.5, abs=1e-3)


def test_ratios_are_compared_as_logarithms():
    found = differences.compare_numbers([6.0, 6.0], [1.0, 1.0], as_ratios=True)
    assert found.pooled == found.low == found.high == pytest.approx(np.log(6))


def test_one_number_has_no_interval():
    found = differences.compare_numbers([3.0], [1.0])
    assert (found.pooled, found.low, found.high) == (2.0, -np.inf, np.inf)
    with pytest.raises(ValueError, match="equally many"):
        differences.compare_numbers([1.0], [])


def test_images_that_all_runs_answer_count_once():
    values = np.array([-0.5, 0.0, -0.5, 0.2] * 25)
    found = differences.compare_images(np.stack([values - 0.1, values + 0.1]))
    margin = 1.984 * values.std(ddof=1) / 10  # t(0.975, 99)
    assert found.pooled == pytest.approx(-0.2)
    assert found.by_fold == pytest.approx((-0.3, -0.1))
    assert found.high - found.pooled == pytest.approx(margin, rel=1e-3)
    assert found.num_images == 100


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
