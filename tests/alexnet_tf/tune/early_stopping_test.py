"""Tests of `alexnet_tf.tune.early_stopping`: both rules on histories made by hand."""

from __future__ import annotations

import json
import math
import sys

import pytest

from alexnet_tf.tune import early_stopping
from alexnet_tf.tune.early_stopping import History

LN10 = math.log(10)


def make_history(*errors, losses=()):
    return History(
        dict(enumerate(losses, 1)), {k: e for k, e in enumerate(errors, 1) if e}
    )


def test_a_history_is_what_the_run_wrote(tmp_path):
    lines = [
        {"step": 2, "kind": "train", "loss": 9.0},
        {"step": 3, "kind": "epoch", "epoch": 1, "loss": 2.5},
        {"step": 3, "kind": "validation", "epoch": 1, "loss": 2.0, "top1_error": 0.75},
        {"step": 5, "kind": "epoch", "epoch": 2, "loss": None},
        {"step": 5, "kind": "event", "text": "the rate falls"},
        {"step": 6, "kind": "validation", "epoch": 2, "loss": 1.0, "top1_error": 0.5},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    damaged = b'\xff\n[1]\n{"step": 4}\n{"step": 4, "kind": "epoch"}\n{"step": 7, "ki'
    (tmp_path / "metrics.jsonl").write_bytes(text.encode() + damaged)
    history = early_stopping.read_history(str(tmp_path))
    assert history == History({1: 2.5}, {1: 0.75, 2: 0.5})
    assert history.find_best() == (0.5, 2)
    assert history.find_best(until=1) == (0.75, 1)


def test_a_run_that_has_not_started_has_no_history(tmp_path):
    history = early_stopping.read_history(str(tmp_path / "none"))
    assert history == History({}, {})
    assert history.find_best() == (1.0, 0)


def test_of_equal_errors_the_first_is_the_best():
    assert make_history(0.5, 0.25, 0.25).find_best() == (0.25, 2)


@pytest.mark.parametrize(
    "losses, num_epochs, is_hopeless",
    [
        ([LN10] * 3, 3, True),
        ([1.0, LN10, LN10, LN10], 3, True),
        ([LN10] * 2, 3, False),
        ([LN10, LN10, 2.0], 3, False),
        ([LN10, 2.0, LN10, LN10], 3, False),
        ([LN10] * 9, 0, False),
        ([], 0, False),
        ([], 1, False),
        ([LN10], 1, True),
        ([math.nan] * 3, 3, False),
    ],
)
def test_a_trial_at_chance(losses, num_epochs, is_hopeless):
    text = early_stopping.explain_chance(make_history(losses=losses), 10, num_epochs)
    assert bool(text) == is_hopeless
    if text:
        assert f"ln(10) = 2.303 for {num_epochs} epoch" in text


OTHERS = [
    make_history(0.9, 0.5, 0.6),
    make_history(0.8, 0.4, 0.1),
    make_history(0.7, 0.6, 0.5),
]


@pytest.mark.parametrize(
    "error, is_hopeless",
    # At epoch 2 the best are 0.5, 0.4, 0.6: median 0.5; with 100 images the margin is
    # 2 sqrt(0.25 / 100) = 0.1.
    [(0.61, True), (0.59, False), (0.5, False), (0.1, False)],
)
def test_the_median_at_the_same_epoch(error, is_hopeless):
    history = make_history(0.95, error)
    text = early_stopping.explain_distance(history, OTHERS, 2, 100, first_epoch=2)
    assert bool(text) == is_hopeless
    if text:
        assert "epoch 2" in text and "61.00%" in text
        assert "median of 3 other trials 50.00%" in text


def test_a_larger_validation_split_makes_smaller_differences_clear():
    history = make_history(0.95, 0.59)
    assert not early_stopping.explain_distance(history, OTHERS, 2, 100, 1)
    # 2 sqrt(0.25 / 10,000) = 0.01
    assert early_stopping.explain_distance(history, OTHERS, 2, 10_000, 1)


def test_what_others_reached_later_does_not_count():
    """At epoch 2 the second is at 0.4, at epoch 3 at 0.1: median 0.5 both times."""
    history = make_history(0.95, 0.59, 0.59)
    assert not early_stopping.explain_distance(history, OTHERS, 2, 100, 1)
    assert not early_stopping.explain_distance(history, OTHERS, 3, 100, 1)
    assert early_stopping.explain_distance(make_history(0.95), OTHERS, 1, 10**6, 1)


def test_the_best_so_far_is_compared_not_the_newest():
    assert not early_stopping.explain_distance(
        make_history(0.4, 0.99), OTHERS, 2, 10**6, 1
    )


def test_who_did_not_come_that_far_is_no_other():
    others = [*OTHERS[:2], make_history(0.7)]
    history = make_history(0.95, 0.95)
    assert not early_stopping.explain_distance(history, others, 2, 100, 1)
    assert early_stopping.explain_distance(history, others, 1, 100, 1)


@pytest.mark.parametrize("first_epoch", [0, 3])
def test_nobody_is_judged_before_its_time_or_without_the_rule(first_epoch):
    history = make_history(0.95, 0.95)
    assert not early_stopping.explain_distance(history, OTHERS, 2, 100, first_epoch)


def test_epochs_without_evaluation_are_bridged():
    others = [make_history(None, e, None, e) for e in (0.5, 0.4, 0.6)]
    history = make_history(None, 0.9)
    assert early_stopping.explain_distance(history, others, 2, 100, 1)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
