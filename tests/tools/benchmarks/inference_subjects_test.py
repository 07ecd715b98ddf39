"""A network's answers as a row, by hand."""

from __future__ import annotations

import sys

import pytest

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from tools.benchmarks import inference_subjects


def test_percentiles_over_all_rounds_and_the_batches_rate():
    rounds = [
        {"bytes": [0.001, 0.002], "pixels": [0.010, 0.010], "batch": [2.0]},
        {"bytes": [0.003, 0.005], "pixels": [0.010, 0.030], "batch": [4.0]},
        {"bytes": [0.004], "pixels": [0.010], "batch": [2.5]},
    ]
    row = inference_subjects.summarize_answers(rounds, batch_size=10)
    # Five images: the 99th percentile lies 0.96 of the way from the fourth to the
    # fifth.
    assert row == pytest.approx(
        (3.0, 4.96, 10.0, 29.2, 10 / 2.5, 100 * (4.0 - 2.0) / 2.5)
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"model.width": 0.5}, False), ({"data.crop_size": 67}, False)],
)
def test_peers_are_asked_about_the_papers_network_alone(changes, expected):
    config = overrides.override(Config(), changes)
    record = {"config": overrides.to_dict(config)}
    assert inference_subjects._is_papers_size(record) == expected


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
