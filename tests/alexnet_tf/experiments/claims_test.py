"""Tests of `alexnet_tf.experiments.claims`: each is complete, and none is misspelt."""

from __future__ import annotations

import pathlib
import sys

import pytest

from alexnet_tf.experiments import claims
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction, Form
from alexnet_tf.experiments.claims.data_sets import DATA_SETS
from alexnet_tf.network import networks
from alexnet_tf.reproduce import plan
from alexnet_tf.reproduce.measures import MEASURES
from alexnet_tf.reproduce.probes import PROBES
from tfrecords import errors

EVERY_CLAIM = pytest.mark.parametrize(
    "claim", claims.CLAIMS.values(), ids=lambda c: c.name
)
FOLDER = pathlib.Path(claims.__file__).parent


def test_every_file_is_a_claim_of_its_name():
    files = {path.stem for path in FOLDER.glob("*.py")}
    assert files - {"__init__", "claim", "recipes", "data_sets"} == set(claims.CLAIMS)


@EVERY_CLAIM
def test_a_claim_is_complete(claim):
    assert claim.sentence.endswith((".", ")")) and len(claim.sentence) > 40
    assert claim.section and claim.comparisons
    names = [arm.name for arm in claim.arms]
    assert len(set(names)) == len(names)
    used = {c.arm for c in claim.comparisons} | {c.control for c in claim.comparisons}
    assert used == set(names)
    for comparison in claim.comparisons:
        assert comparison.measure in MEASURES and comparison.paper
    for arm in claim.arms:
        assert set(arm.probes) <= set(PROBES)
    for form in (claim.reduced, claim.full):
        assert form.data in DATA_SETS and form.minutes > 0 and form.machine
        assert {stage.data for stage in form.stages} <= set(DATA_SETS)
        assert bool(form.stages) == any(arm.is_pretrained for arm in claim.arms)


@EVERY_CLAIM
def test_arms_differ_in_their_settings_and_share_the_rest(claim):
    runs = [plan.make_run(claim.reduced, arm, 0, 0) for arm in claim.arms]
    runs += plan.list_origins(runs[-1])
    assert len({run.name for run in runs}) == len(runs)
    # Machines differ: the arithmetic must not.
    assert {run.config.precision for run in runs} == {"float32"}
    if claim.name not in ("length", "data_size", "pre_training"):
        assert len({run.config.num_epochs for run in runs}) == 1
    for run in runs:
        networks.select(run.config.model)


@EVERY_CLAIM
def test_the_papers_values_have_its_direction(claim):
    for comparison in claim.comparisons:
        measure, value = MEASURES[comparison.measure], comparison.value
        if value is not None:
            assert measure.unit in ("points", "times")
            is_more = value > (1 if measure.is_ratio else 0)
            assert is_more == (comparison.direction is Direction.HIGHER)


def test_the_papers_value_is_read_from_its_words():
    found = {
        words: Comparison("a", "a", Direction.LOWER, words).value
        for words in ("+1.4 points", "-2 points", "about 2 times", "over +1 point")
    }
    assert list(found.values()) == [1.4, -2, 2, 1]
    given = [c.value for c in claims.CLAIMS["normalization"].comparisons]
    assert given[:3] == [1.4, 1.2, None]
    assert Comparison("a", "a", Direction.LOWER, "5 networks").value is None


def test_the_full_form_of_pre_training_is_the_sources_chain():
    """Net 145, Fall 2009, Fall 2011, ILSVRC-2012."""
    claim = claims.CLAIMS["pre_training"]
    run = plan.make_run(claim.full, claim.find_arm("conv6, pre-trained"), 0, 0)
    found = [
        (step.data, step.config.experiment, step.config.model.network)
        for step in [*plan.list_origins(run), run]
    ]
    assert found == [
        ("ilsvrc2012", "alexnet_source", "alexnet"),
        ("imagenet_fall2009", "conv6_fall2009", "conv6"),
        ("imagenet_fall2011", "conv6_fall2011", "conv6"),
        ("ilsvrc2012", "conv6_source", "conv6"),
    ]
    own = plan.make_run(claim.full, claim.find_arm("conv6"), 0, 0)
    assert own.config.experiment == "alexnet" and own.origin is None


def test_an_unknown_claim_names_the_nearest():
    with pytest.raises(errors.UserError, match=r"poling.*pooling"):
        claims.find(["poling"])
    assert [claim.name for claim in claims.find(["pooling", "relu"])] == [
        *("relu", "pooling")
    ]


def test_a_comparison_of_an_arm_that_is_not_there_is_refused():
    form = Form("drawn")
    comparison = Comparison("none", "paper", Direction.LOWER, "")
    with pytest.raises(ValueError, match="none"):
        Claim("c", "1", "", (Arm("paper"),), (comparison,), form, form)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
