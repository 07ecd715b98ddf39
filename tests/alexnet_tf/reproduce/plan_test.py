"""Tests of `reproduce.plan`: runs are shared, ordered and named."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from alexnet_tf.experiments import claims
from alexnet_tf.experiments.claims.claim import (
    Arm,
    Claim,
    Comparison,
    Direction,
    Form,
    Stage,
)
from alexnet_tf.experiments.claims.data_sets import DATA_SETS
from alexnet_tf.reproduce import plan

FORM = Form("ilsvrc2012", settings={"num_epochs": 3}, num_folds=5)


def make_claim(name, *arms):
    comparison = Comparison(arms[-1].name, arms[0].name, Direction.HIGHER, "")
    return Claim(name, "1", "", arms, (comparison,), FORM, FORM)


PAPER = Arm("paper")
FIRST = make_claim("first", PAPER, Arm("tanh", {"model.activation": "tanh"}))
SECOND = make_claim("second", Arm("control", probes=("p",)), Arm("tower", {"seed": 0}))


def test_equal_settings_are_one_run_with_the_probes_of_all():
    runs = plan.make_plan([FIRST, SECOND], max_folds=1)
    assert len(runs) == 2
    paper = next(run for run in runs if run.config.model.activation == "relu")
    assert paper.probes == ("p",)


def test_three_folds_of_every_claim_come_before_the_others():
    third = make_claim("third", PAPER, Arm("wide", {"model.width": 2.0}))
    runs = plan.make_plan([FIRST, third])
    # Of each: activation, width, fold.
    found = [
        (run.config.model.activation, run.config.model.width, run.config.data.fold)
        for run in runs
    ]
    early = [
        ("relu", 1, n) if m == 0 else ("tanh", 1, n) for n in range(3) for m in (0, 1)
    ]
    assert found[:6] == early
    assert found[6:9] == [("relu", 2, n) for n in range(3)]
    assert found[9:] == [
        *[("relu", 1, 3), ("tanh", 1, 3), ("relu", 1, 4), ("tanh", 1, 4)],
        *[("relu", 2, 3), ("relu", 2, 4)],
    ]


def test_stages_come_before_the_first_run_that_needs_them():
    form = dataclasses.replace(FORM, stages=(Stage("drawn"), Stage("cifar10")))
    claim = dataclasses.replace(
        make_claim("first", PAPER, Arm("start", is_pretrained=True)), reduced=form
    )
    runs = plan.make_plan([claim], max_folds=2)
    assert [(run.data, run.config.data.fold) for run in runs] == [
        *[("ilsvrc2012", 0), ("drawn", 0), ("cifar10", 0), ("ilsvrc2012", 0)],
        *[("ilsvrc2012", 1), ("ilsvrc2012", 1)],
    ]
    assert runs[2].origin == runs[1] and runs[3].origin == runs[2] == runs[5].origin
    assert runs[0].origin is None and runs[0].name != runs[3].name
    assert runs[3].settings["init_from"] == runs[2].name


def test_folds_hold_out_a_part_and_other_forms_answer_a_split():
    run = plan.make_run(FORM, PAPER, 2, 7)
    assert (run.config.data.num_folds, run.config.data.fold) == (5, 2)
    assert (run.split, run.config.seed) == ("held_out", 7)
    whole = dataclasses.replace(FORM, num_folds=0, seeds=(3, 4), split="test")
    run = plan.make_run(whole, PAPER, 0, 3)
    assert (run.config.data.num_folds, run.split) == (0, "test")
    assert plan.list_repeats(whole, 5) == [(0, 3), (0, 4)]


def test_names_differ_by_what_changes_results_and_by_nothing_else():
    name = plan.make_run(FORM, PAPER, 0, 0).name
    assert name.startswith("ilsvrc2012-alexnet-") and "fold0-seed0" in name
    others = [
        plan.make_run(FORM, PAPER, 1, 0),
        plan.make_run(FORM, PAPER, 0, 1),
        plan.make_run(FORM, Arm("a", {"num_epochs": 4}), 0, 0),
        plan.make_run(dataclasses.replace(FORM, data="drawn"), PAPER, 0, 0),
        plan.make_run(dataclasses.replace(FORM, until_training_error=0.5), PAPER, 0, 0),
    ]
    assert len({name, *(run.name for run in others)}) == 1 + len(others)
    # Where a run is computed does not matter, nor how a claim calls it.
    same = [
        plan.make_run(FORM, Arm("b", {"eval_batch_size": 7}), 0, 0),
        plan.make_run(FORM, Arm("c", {"data.num_parallel_maps": 1}), 0, 0),
        plan.make_run(FORM, Arm("d", probes=("p",)), 0, 0),
    ]
    assert {run.name for run in same} == {name}


def test_names_of_committed_records_stay():
    """A changed name would orphan the records of hours of training."""
    run = plan.make_run(claims.CLAIMS["relu"].reduced, Arm("relu"), 0, 0)
    assert run.name == "cifar10-cifar10_figure1-seed0-4e16e650"
    run = plan.make_run(claims.CLAIMS["normalization"].reduced, PAPER, 1, 0)
    assert run.name == "ilsvrc2012-alexnet-fold1-seed0-2f21a1e0"


@pytest.mark.parametrize("is_full", [False, True])
def test_every_claim_can_be_planned(is_full):
    runs = plan.make_plan(list(claims.CLAIMS.values()), is_full)
    assert len({run.name for run in runs}) == len(runs) > 20


@pytest.mark.parametrize("is_full", [False, True])
def test_every_crop_lies_in_the_images_of_its_data(is_full):
    for run in plan.make_plan(list(claims.CLAIMS.values()), is_full):
        data = run.config.data
        size = DATA_SETS[run.data].image_size
        assert data.crop_size + data.crop_positions - 1 <= size, run.name


def test_records_are_found_by_arm_and_repeat():
    run = plan.make_run(FORM, PAPER, 1, 0)
    found = plan.find_runs(FIRST, FORM, {run.name: "record"})
    assert found == {"paper": {(1, 0): "record"}, "tanh": {}}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
