"""Tests of `reproduce.measures` with records made by hand."""

from __future__ import annotations

import dataclasses
import math
import sys

import numpy as np
import pytest

from alexnet_tf.experiments.claims.claim import Arm, Form
from alexnet_tf.reproduce import arrays, measures, plan
from alexnet_tf.reproduce.measures import MEASURES
from tests.alexnet_tf.reproduce.made_records import make_epochs, make_record

RUN = plan.make_run(Form("ilsvrc2012", num_folds=2), Arm("paper"), 0, 0)


def test_errors_are_compared_image_by_image():
    better, worse = make_record(RUN, ten=0.2), make_record(RUN, ten=0.25)
    difference = MEASURES["top1"].compare([worse], [better])
    assert difference.pooled == pytest.approx(0.05)
    assert difference.num_images == 100
    text = MEASURES["top1"].format(difference)
    assert "+5.0 points" in text and "100 images" in text


def test_ten_views_are_compared_with_the_centre_view_of_the_same_run():
    record = make_record(RUN, ten=0.2, centre=0.3)
    difference = MEASURES["views_top1"].compare([record], [record])
    assert difference.pooled == pytest.approx(-0.1)


def test_the_training_error_and_the_gap():
    record = make_record(RUN, centre=0.3, train=0.1)
    control = make_record(RUN, centre=0.35, train=0.05)
    assert measures.compute_gap(record) == pytest.approx(0.2)
    difference = MEASURES["gap"].compare([record], [control])
    assert difference.pooled == pytest.approx(-0.1)
    difference = MEASURES["training_top1"].compare([record], [control])
    assert difference.pooled == pytest.approx(0.05)


def test_ratios_are_those_of_logarithms():
    slow = make_epochs({"training": [0.9] * 9 + [0.2]})
    fast = make_epochs({"training": [0.9, 0.2]})
    runs = [make_record(RUN, epochs=slow)] * 2, [make_record(RUN, epochs=fast)] * 2
    measure = MEASURES["epochs_to_25_training"]
    first, second = (measure.read(group[0]) for group in runs)
    difference = measure.compare(*runs)
    assert difference.pooled == pytest.approx(math.log(first / second))
    assert f"{first / second:.2f} times" in measure.format(difference)


def test_probes_are_read_and_compared():
    kept = {
        "dropout_average": {"kl": 0.1, "kl_single": 0.4, "error": 0.2, "single": 0.3},
        "kernel_order": {"error": 0.2, "permuted": [0.3, 0.5]},
        "kernels": {"conv1a": {"colour": [0.1, 0.3]}, "conv1b": {"colour": [0.7]}},
    }
    record = dataclasses.replace(make_record(RUN), probes=kept)
    expected = {
        "thinned_divergence": math.log(0.25),
        "thinned_error": -0.1,
        "permuted_error": 0.2,
    }
    for name, value in expected.items():
        difference = MEASURES[name].compare([record], [record])
        assert difference.pooled == pytest.approx(value)
    assert measures.find_tower_colours(record) == pytest.approx(0.5)


def test_an_average_of_networks_is_compared_with_their_mean_error():
    # Three images of class 0. The first network errs on the last two, the second on
    # the first two; their average on the middle one alone.
    first = np.array([[0.9, 0.1], [0.4, 0.6], [0.45, 0.55]], np.float16)
    second = np.array([[0.4, 0.6], [0.4, 0.6], [0.9, 0.1]], np.float16)
    labels = arrays.encode(np.zeros(3, np.int16))
    records = [
        dataclasses.replace(
            make_record(RUN),
            probes={
                "probabilities": {
                    "held_out": arrays.encode(scores),
                    "held_out_labels": labels,
                }
            },
        )
        for scores in (first, second)
    ]
    differences = measures.compare_ensemble(records)
    np.testing.assert_allclose(differences, [[0, 0, -1], [-1, 0, 0]])
    difference = MEASURES["five_networks"].compare(records, records)
    assert difference.pooled == pytest.approx(-1 / 3)
    assert difference.num_images == 3
    # One for each network: a verdict needs all that were planned.
    assert difference.by_fold == pytest.approx((-1 / 3, -1 / 3))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
