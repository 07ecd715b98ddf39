"""Tests of `reproduce.curves` with curves made by hand."""

from __future__ import annotations

import sys

import pytest

from alexnet_tf.experiments.claims.claim import Arm, Form
from alexnet_tf.reproduce import curves, plan
from alexnet_tf.reproduce.measures import MEASURES
from tests.alexnet_tf.reproduce.made_records import make_epochs, make_record

RUN = plan.make_run(Form("ilsvrc2012", num_folds=2), Arm("paper"), 0, 0)


def test_epochs_are_found_between_two_by_interpolation():
    # A training error belongs to the middle of its epoch: 0.4 to 1.5, 0.2 to 2.5.
    errors = {"training": [0.6, 0.4, 0.2], "validation": [0.5, 0.45, 0.3]}
    record = make_record(RUN, epochs=make_epochs(errors))
    assert curves.find_epochs_to(record, 0.25, "training") == pytest.approx(2.25)
    # A validation error belongs to the end.
    assert curves.find_epochs_to(record, 0.4, "validation") == pytest.approx(2 + 1 / 3)
    # At the beginning everything is wrong.
    assert curves.find_epochs_to(record, 0.8, "training") == pytest.approx(0.25)
    # Never: the run's length.
    assert curves.find_epochs_to(record, 0.1, "training") == 3


def test_the_early_loss_is_of_five_epochs():
    epochs = make_epochs({"training": [0.5, 0.4, 0.3, 0.2, 0.1, 9.0]})
    record = make_record(RUN, epochs=epochs)
    assert curves.compute_early_loss(record) == pytest.approx(2 * 0.3)


def test_validation_errors_are_compared_where_the_training_errors_are_equal():
    slow = {"training": [0.8, 0.6, 0.4], "validation": [0.7, 0.5, 0.44]}
    fast = {"training": [0.4, 0.2, 0.1], "validation": [0.5, 0.4, 0.3]}
    records = [make_record(RUN, epochs=make_epochs(errors)) for errors in (slow, fast)]
    # Both reach 0.4: the slow one in the middle of epoch 3, the fast one of epoch 1.
    expected = (0.5 + 0.44) / 2 - (1.0 + 0.5) / 2
    assert curves.compare_at_equal_training(*records) == pytest.approx(expected)
    measure = MEASURES["equal_training"]
    difference = measure.compare(records, records[::-1])
    assert difference.by_fold == pytest.approx((expected, -expected))
    assert difference.pooled == pytest.approx(0)


def test_dead_units_are_those_of_the_last_evaluation():
    epochs = make_epochs({"training": [0.5], "validation": [0.5]})
    epochs[0]["validation"]["dead_units"] = {"fc6a": 0.5, "fc7b": 0.1, "conv1a": 1.0}
    record = make_record(RUN, epochs=epochs)
    assert curves.find_dead_units(record) == pytest.approx(0.3)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
