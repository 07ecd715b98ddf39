"""Tests of `reproduce.plots`."""

from __future__ import annotations

import sys

import pytest
from PIL import Image

from alexnet_tf.experiments import claims
from alexnet_tf.reproduce import outcomes, plan, plots
from tests.alexnet_tf.reproduce.made_records import make_epochs, make_record

CLAIM = claims.CLAIMS["pooling"]


def make_records(curves):
    """Of both arms, with the validation errors of each fold."""
    records = {}
    for fold, errors in enumerate(curves):
        for arm in CLAIM.arms:
            run = plan.make_run(CLAIM.reduced, arm, fold, 0)
            epochs = make_epochs({"training": errors, "validation": errors})
            records[run.name] = make_record(run, ten=0.2 + 0.01 * fold, epochs=epochs)
    return records


def test_a_curve_is_the_mean_of_the_runs_that_got_so_far():
    records = make_records([[0.9, 0.5, 0.3], [0.7, 0.3]])
    arm = outcomes.judge_claim(CLAIM, records).arms[0]
    epochs, errors = plots.average_curve(arm, "validation")
    assert epochs == [1, 2, 3]
    assert errors == pytest.approx([80, 40, 30])


def test_plots_are_images(tmp_path):
    outcome = outcomes.judge_claim(CLAIM, make_records([[0.9, 0.5], [0.7, 0.3]]))
    plots.draw_claim(outcome, str(tmp_path / "plots" / "claim.png"))
    plots.draw_overview([outcome], str(tmp_path / "all.png"))
    for path in (tmp_path / "plots" / "claim.png", tmp_path / "all.png"):
        with Image.open(path) as image:
            assert image.format == "PNG" and min(image.size) > 200
            # Not blank.
            assert len(image.convert("RGB").getcolors(1 << 20)) > 20


def test_nothing_is_drawn_without_runs(tmp_path):
    plots.draw_claim(outcomes.judge_claim(CLAIM, {}), str(tmp_path / "claim.png"))
    assert list(tmp_path.iterdir()) == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
