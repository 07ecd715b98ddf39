"""Tests of `reproduce.outcomes` and `reproduce.report` with records made by hand."""

from __future__ import annotations

import dataclasses
import pathlib
import sys

import pytest

from alexnet_tf.experiments import claims
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction, Form
from alexnet_tf.reproduce import outcomes, plan, report, run_records
from alexnet_tf.reproduce.verdicts import Scope, Word
from tests.alexnet_tf.reproduce.made_records import make_record

FORM = Form("ilsvrc2012", num_folds=3, minutes=10, machine="a machine")
TANH = Arm("tanh", {"model.activation": "tanh"})
CLAIM = Claim(
    "claim",
    "3.1",
    "A sentence of the paper.",
    (Arm("paper"), TANH),
    (Comparison("tanh", "paper", Direction.HIGHER, "+1 point"),),
    FORM,
    FORM,
)


def make_records(num_folds, tanh=0.3, num_classes=10):
    records = {}
    for fold in range(num_folds):
        for arm, error in ((CLAIM.arms[0], 0.2), (TANH, tanh)):
            run = plan.make_run(FORM, arm, fold, 0)
            records[run.name] = make_record(
                run, ten=error, num_images=1000, num_classes=num_classes
            )
    return records


def test_a_clear_difference_at_all_folds_is_judged():
    outcome = outcomes.judge_claim(CLAIM, make_records(3))
    (result,) = outcome.results
    assert result.verdict.word is Word.REPRODUCED
    assert result.verdict.scope is Scope.REDUCED
    assert result.difference.pooled == pytest.approx(0.1)
    assert result.difference.num_images == 3000
    (result,) = outcomes.judge_claim(CLAIM, make_records(3, tanh=0.1)).results
    assert result.verdict.word is Word.CONTRADICTED


def test_only_a_thousand_classes_have_the_papers_scope():
    (result,) = outcomes.judge_claim(CLAIM, make_records(3, num_classes=1000)).results
    assert result.verdict.scope is Scope.PAPER


def test_a_reduced_form_never_has_the_papers_scope():
    claim = dataclasses.replace(CLAIM, full=dataclasses.replace(FORM, minutes=99))
    records = make_records(3, num_classes=1000)
    (result,) = outcomes.judge_claim(claim, records).results
    assert result.verdict.scope is Scope.REDUCED
    (result,) = outcomes.judge_claim(claim, records, is_full=True).results
    assert result.verdict.scope is Scope.PAPER


def test_interim_and_missing_results_decide_nothing():
    (result,) = outcomes.judge_claim(CLAIM, make_records(2)).results
    assert result.verdict.word is Word.NOT_DISTINGUISHABLE
    assert "2 of 3" in result.verdict.reason
    (result,) = outcomes.judge_claim(CLAIM, {}).results
    assert result.verdict.word is Word.NOT_RUN


def test_a_fold_of_one_arm_alone_is_not_compared():
    records = make_records(3)
    del records[plan.make_run(FORM, TANH, 2, 0).name]
    (result,) = outcomes.judge_claim(CLAIM, records).results
    assert len(result.difference.by_fold) == 2


def test_the_spread_is_that_of_other_seeds_of_the_controls_first_fold():
    records = make_records(3)
    assert outcomes.judge_claim(CLAIM, records).spread is None
    run = plan.make_run(FORM, CLAIM.arms[0], 0, 1)
    records[run.name] = make_record(run, ten=0.22, num_images=1000)
    # Of 0.20 and 0.22.
    spread = outcomes.judge_claim(CLAIM, records).spread
    assert spread == pytest.approx(0.01 * 2**0.5)


def test_the_page_shows_every_figure():
    page = report.format_page([CLAIM], make_records(3))
    for part in (
        *("A sentence of the paper. (section 3.1)", "+1 point", "30.0 %", "20.0 %"),
        *(
            "+10.0, +10.0, +10.0",
            "reproduced",
            "3,000 images",
            "Finished runs: 6, 6.0 hours",
        ),
        *("alexnet-reproduce run claim", "2 cores of a processor", "[claim](#claim)"),
    ):
        assert part in page
    # Every table is complete.
    for line in page.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")


def test_the_list_has_a_line_for_every_comparison():
    lines = report.format_list([CLAIM], make_records(3)).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("claim") and "reproduced (reduced)" in lines[1]


def test_the_list_names_the_data_sets_of_each_claim():
    """Those that --data_root has to hold, below each other."""
    for is_full, name, expected in (
        (False, "pooling", ["ilsvrc2012"]),
        (False, "pre_training", ["ilsvrc2012", "cifar10_256"]),
        (
            *(True, "pre_training"),
            ["ilsvrc2012", "imagenet_fall2009", "imagenet_fall2011"],
        ),
    ):
        header, *lines = report.format_list(
            [claims.CLAIMS[name]], {}, is_full
        ).splitlines()
        place = header.index("data")
        found = [line[place:].split("  ")[0].strip() for line in lines]
        assert list(filter(None, found)) == expected
        assert lines[0].startswith(name) and len(header) < 200


def test_a_run_that_ended_early_shows_its_range_of_epochs():
    records = make_records(3)
    name = plan.make_run(FORM, TANH, 1, 0).name
    records[name] = dataclasses.replace(records[name], epochs=records[name].epochs[:1])
    assert "1 to 2" in report.format_page([CLAIM], records)


def test_the_committed_page_is_that_of_the_committed_records():
    docs = pathlib.Path(__file__).parents[3] / "docs"
    records = run_records.read_all(str(docs / "claims"))
    page = report.format_page(list(claims.CLAIMS.values()), records)
    assert (docs / "claims.md").read_text(encoding="utf-8") == page, (
        "write it again: alexnet-reproduce report"
    )


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
