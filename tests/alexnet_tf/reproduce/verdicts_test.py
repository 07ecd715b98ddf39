"""Tests of `reproduce.verdicts`: every branch of the rule."""

from __future__ import annotations

import sys

import pytest

from alexnet_tf.reproduce.differences import Difference
from alexnet_tf.reproduce.measures import MEASURES
from alexnet_tf.reproduce.verdicts import Direction, Scope, Word
from alexnet_tf.reproduce.verdicts import judge as judge_measure


def judge(difference, *arguments):
    return judge_measure(difference, MEASURES["top1"], *arguments)


def make(low, pooled, high, num_folds=5):
    return Difference((pooled,) * num_folds, pooled, low, high, 4800)


@pytest.mark.parametrize(
    ("interval", "direction", "word"),
    [
        ((0.002, 0.014, 0.026), Direction.HIGHER, Word.REPRODUCED),
        ((0.002, 0.014, 0.026), Direction.LOWER, Word.CONTRADICTED),
        ((-0.026, -0.014, -0.002), Direction.LOWER, Word.REPRODUCED),
        ((-0.026, -0.014, -0.002), Direction.HIGHER, Word.CONTRADICTED),
        ((-0.001, 0.014, 0.029), Direction.HIGHER, Word.NOT_DISTINGUISHABLE),
        ((0.0, 0.014, 0.029), Direction.HIGHER, Word.NOT_DISTINGUISHABLE),
    ],
)
def test_the_rule(interval, direction, word):
    verdict = judge(make(*interval), direction, Scope.REDUCED, 5)
    assert (verdict.word, verdict.scope) == (word, Scope.REDUCED)
    assert f"{100 * interval[1]:+.1f} points" in verdict.reason
    assert "4,800 images" in verdict.reason


def test_fewer_folds_than_planned_decide_nothing():
    clear = make(0.1, 0.2, 0.3, num_folds=3)
    verdict = judge(clear, Direction.HIGHER, Scope.REDUCED, 5)
    assert verdict.word is Word.NOT_DISTINGUISHABLE
    assert "3 of 5 runs" in verdict.reason
    assert judge(clear, Direction.HIGHER, Scope.REDUCED, 3).word is Word.REPRODUCED


def test_what_was_not_run_says_why():
    verdict = judge(
        None, Direction.LOWER, Scope.PAPER, 1, "ImageNet Fall 2011 is not here"
    )
    assert verdict.format() == (
        "not run (paper scale): because ImageNet Fall 2011 is not here"
    )


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
