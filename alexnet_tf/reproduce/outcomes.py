"""A claim's outcome: what its records say, arm by arm and comparison by comparison."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from alexnet_tf.experiments.claims.claim import Claim, Comparison, Form
from alexnet_tf.reproduce import plan, verdicts
from alexnet_tf.reproduce.differences import Difference
from alexnet_tf.reproduce.measures import MEASURES, Measure
from alexnet_tf.reproduce.run_records import RunRecord
from alexnet_tf.reproduce.verdicts import Scope, Verdict

# A verdict about a thousand classes needs as many.
_PAPER_CLASSES = {"ilsvrc2012": 1000, "cifar10": 10}

Repeat = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class ArmResult:
    """The runs of an arm: (fold, seed) -> record."""

    name: str
    records: Mapping[Repeat, RunRecord]

    def get_errors(self, split: str, views: str, kind: str) -> list[float]:
        """The error of each run, 0..1."""
        return [record.get_error(split, views, kind) for record in self.get_records()]

    def get_records(self) -> list[RunRecord]:
        """The records, by fold and seed."""
        return [self.records[repeat] for repeat in sorted(self.records)]


@dataclasses.dataclass(frozen=True)
class Result:
    """A comparison, its difference (None if nothing was run) and its verdict."""

    comparison: Comparison
    difference: Difference | None
    verdict: Verdict


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Everything that the records say of a claim.

    Attributes:
      claim, form: what was asked.
      arms: as in the claim.
      results: as the claim's comparisons.
      spread: standard deviation of the control's top-1 error over seeds of one fold,
        0..1; None with fewer than two such runs.
    """

    claim: Claim
    form: Form
    arms: tuple[ArmResult, ...]
    results: tuple[Result, ...]
    spread: float | None


def judge_claim(
    claim: Claim, records: Mapping[str, RunRecord], is_full: bool = False
) -> Outcome:
    """The outcome of a claim by the records that there are, by name."""
    form = claim.full if is_full else claim.reduced
    found = plan.find_runs(claim, form, records)
    arms = {arm.name: ArmResult(arm.name, found[arm.name]) for arm in claim.arms}
    results = tuple(
        _compare(
            form,
            form == claim.full,
            comparison,
            arms[comparison.arm],
            arms[comparison.control],
        )
        for comparison in claim.comparisons
    )
    spread = _find_spread(form, claim, records)
    return Outcome(claim, form, tuple(arms.values()), results, spread)


def _compare(
    form: Form,
    is_whole: bool,
    comparison: Comparison,
    arm: ArmResult,
    control: ArmResult,
) -> Result:
    """`is_whole` says that the form is the paper's own, not a reduced one."""
    measure = MEASURES[comparison.measure]
    shared = sorted(_find_usable(arm, measure) & _find_usable(control, measure))
    difference, scope = None, Scope.REDUCED
    if shared:
        first = [arm.records[repeat] for repeat in shared]
        second = [control.records[repeat] for repeat in shared]
        difference = measure.compare(first, second)
        has_classes = first[0].num_classes == _PAPER_CLASSES.get(form.data)
        scope = Scope.PAPER if is_whole and has_classes else Scope.REDUCED
    verdict = verdicts.judge(
        difference,
        measure,
        comparison.direction,
        scope,
        len(form.repeats),
        "its runs are not finished",
    )
    return Result(comparison, difference, verdict)


def _find_usable(arm: ArmResult, measure: Measure) -> set[Repeat]:
    """The repeats whose records have what is measured."""
    return {
        repeat
        for repeat, record in arm.records.items()
        if not measure.probe or measure.probe in record.probes
    }


def _find_spread(
    form: Form, claim: Claim, records: Mapping[str, RunRecord]
) -> float | None:
    """Over all seeds of the control's first fold, whichever claim ran them."""
    control = claim.find_arm(claim.comparisons[0].control)
    first = plan.make_run(form, control, 0, form.seeds[0])
    same = [
        record.get_error(record.split, "ten_views", "top1")
        for record in records.values()
        if record.data == form.data
        and record.split == first.split
        and _without_seed(record.settings) == _without_seed(first.settings)
    ]
    return float(np.std(same, ddof=1)) if len(same) > 1 else None


def _without_seed(settings: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in settings.items() if name != "seed"}
