"""The pages of results: a list of claims, and every claim with its tables."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from alexnet_tf.experiments.claims.claim import Claim
from alexnet_tf.experiments.claims.data_sets import DATA_SETS
from alexnet_tf.reproduce import outcomes, plan, plots
from alexnet_tf.reproduce.measures import MEASURES
from alexnet_tf.reproduce.outcomes import ArmResult, Outcome, Result
from alexnet_tf.reproduce.run_records import RunRecord

_INTRODUCTION = """\
# The paper's claims, measured

<!-- Written by alexnet-reproduce report; a test compares it with the records. -->

Every claim of the paper that can be measured is a set of *arms*: networks trained on
equal images in equal order, which differ in a few settings. The rule of the verdict was
fixed before anything was run:

- *reproduced*: the difference has the paper's direction, and its 95 % interval excludes
  0 (or, of a ratio, 1);
- *contradicted*: the interval excludes it on the other side;
- *not distinguishable*: the interval includes it, or fewer runs have finished than were
  planned, and the result is interim;
- *not run*: with the reason.

Errors are compared image by image: the interval is that of a paired bootstrap over
folds and their images. Fold k holds out the k-th fifth of the 4,800 training images of
ten classes of ILSVRC-2012. The *scope* says what a verdict is about: ten classes and
half width say little about a thousand classes at full width.

In the reduced form all arms share one recipe: half width, batches of 64, 36 epochs, the
rate divided by ten after epochs 27 and 32, float32; initial deviations follow the
number of inputs.

    alexnet-reproduce list
    alexnet-reproduce run --all --data_root=DATA --output_dir=OUT
    alexnet-reproduce report --records_dir=OUT/records --output=claims.md

`DATA` holds a data directory per data set, by name: SETS.
"""


def format_list(
    claims: Iterable[Claim], records: Mapping[str, RunRecord], is_full: bool = False
) -> str:
    """A line per comparison: claim, section, data set, paper's value, verdict.

    A claim that needs several data sets has them below each other.
    """
    rows = [("claim", "section", "data", "compared", "paper", "verdict")]
    for claim in claims:
        outcome = outcomes.judge_claim(claim, records, is_full)
        about = [
            (_name_compared(each), each.comparison.paper, each.verdict.format())
            for each in outcome.results
        ]
        names = dict.fromkeys(run.data for run in plan.make_plan([claim], is_full))
        firsts = [(claim.name, claim.section)]
        for first, data, rest in itertools.zip_longest(firsts, names, about):
            rows.append((*(first or ("", "")), data or "", *(rest or ("", "", ""))))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[5]]).rstrip())
    return "\n".join(lines)


def _name_compared(result: Result) -> str:
    compared = result.comparison
    text = f"{compared.arm} - {compared.control}"
    return text if compared.measure == "top1" else f"{text}, {compared.measure}"


def format_page(
    claims: Sequence[Claim], records: Mapping[str, RunRecord], is_full: bool = False
) -> str:
    """The page of all claims, in Markdown."""
    found = [outcomes.judge_claim(claim, records, is_full) for claim in claims]
    sets = "; ".join(f"`{name}`, {data.what}" for name, data in DATA_SETS.items())
    parts = [_INTRODUCTION.replace("SETS", sets), _format_overview(found)]
    if plots.list_drawn(found):
        parts.append("![differences and intervals of all claims](claims.png)\n")
    parts += [_format_machines(records), _format_missing(found)]
    return "\n".join([*parts, *(_format_outcome(outcome) for outcome in found)])


def format_claims(
    claims: Sequence[Claim], records: Mapping[str, RunRecord], is_full: bool = False
) -> str:
    """Some claims, as on the page."""
    return "\n".join(
        _format_outcome(outcomes.judge_claim(claim, records, is_full))
        for claim in claims
    )


def _format_overview(found: Sequence[Outcome]) -> str:
    rows = [
        (
            f"[{outcome.claim.name}](#{outcome.claim.name}) ({outcome.claim.section})",
            f"{result.comparison.arm}: {MEASURES[result.comparison.measure].text}",
            result.comparison.paper,
            f"**{result.verdict.word.value}** ({result.verdict.scope.value})",
        )
        for outcome in found
        for result in outcome.results
        if result.difference
    ]
    if not rows:
        return "## Verdicts\n\nNo comparison has run yet.\n"
    return "## Verdicts\n\n" + _format_table(("claim", "arm", "paper", "verdict"), rows)


def _format_missing(found: Sequence[Outcome]) -> str:
    """The claims whose runs are not all finished, with the time that they need."""
    rows = []
    for outcome in found:
        form = outcome.form
        planned = len(form.repeats) * len(outcome.claim.arms)
        count = planned - sum(len(arm.records) for arm in outcome.arms)
        if count:
            hours = f"{count * form.minutes / 60:.1f} hours on {form.machine}"
            rows.append((outcome.claim.name, f"{count} of {planned}", hours))
    header = ("claim", "runs that are missing", "about")
    if not rows:
        return ""
    return (
        "## Not finished\n\nClaims share runs, which are counted with each.\n\n"
        + _format_table(header, rows)
    )


def _format_machines(records: Mapping[str, RunRecord]) -> str:
    if not records:
        return "No run has finished yet.\n"
    machines: dict[str, int] = {}
    for record in records.values():
        cores, cpu = record.environment.get("cores"), record.environment.get("cpu")
        name = f"{cores} cores of {cpu}"
        machines[name] = machines.get(name, 0) + 1
    listed = "; ".join(f"{count} on {name}" for name, count in sorted(machines.items()))
    dates = sorted(record.date for record in records.values())
    hours = sum(record.seconds for record in records.values()) / 3600
    return (
        f"Finished runs: {len(records)}, {hours:.1f} hours of training, from "
        f"{dates[0]} to {dates[-1]}: {listed}. Each run's record in "
        "`docs/claims/runs` has its settings, code revision, machine and answers.\n"
    )


def _format_outcome(outcome: Outcome) -> str:
    claim, form = outcome.claim, outcome.form
    lines = [f"## {claim.name}", "", f"> {claim.sentence} (section {claim.section})"]
    if claim.remark:
        lines += ["", claim.remark]
    header = (
        *("arm", "runs", "epochs", "training error", "held out or test: centre view"),
        *("ten views", "ten views, top-5"),
    )
    lines += ["", _format_table(header, [_format_arm(arm) for arm in outcome.arms])]
    rows = []
    for result in outcome.results:
        measure, difference = MEASURES[result.comparison.measure], result.difference
        by_fold = (
            ", ".join(measure.format_value(value) for value in difference.by_fold)
            if difference
            else ""
        )
        rows.append(
            (
                f"{result.comparison.arm} against {result.comparison.control}",
                measure.text,
                result.comparison.paper,
                by_fold,
                f"**{result.verdict.word.value}** ({result.verdict.scope.value}): "
                f"{result.verdict.reason}",
            )
        )
    lines += [
        _format_table(("compared", "measure", "paper", "by run", "verdict"), rows)
    ]
    if outcome.spread is not None:
        lines += [
            "Run-to-run spread of the control, same images and other seeds: "
            f"{100 * outcome.spread:.1f} points.",
            "",
        ]
    minutes = form.minutes * len(form.repeats)
    lines += [
        f"`alexnet-reproduce run {claim.name} --data_root=DATA --output_dir=OUT` "
        f"(about {minutes * len(claim.arms) / 60:.1f} hours on {form.machine})"
        f"{_format_full(claim)}.",
        "",
    ]
    return "\n".join(lines)


def _format_full(claim: Claim) -> str:
    form = claim.full
    if form == claim.reduced:
        return ""
    hours = form.minutes * len(form.repeats) * len(claim.arms) / 60
    return f"; with `--scale=full`, about {hours:.0f} hours on {form.machine}"


def _format_arm(arm: ArmResult) -> tuple[str, ...]:
    records = arm.get_records()
    if not records:
        return (arm.name, "0", "", "", "", "", "")
    split = records[0].split
    epochs = sorted({len(record.epochs) for record in records})
    span = f"{epochs[0]}" if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
    return (
        arm.name,
        str(len(records)),
        span,
        _format_errors(arm.get_errors("train", "centre", "top1")),
        _format_errors(arm.get_errors(split, "centre", "top1")),
        _format_errors(arm.get_errors(split, "ten_views", "top1")),
        _format_errors(arm.get_errors(split, "ten_views", "top5")),
    )


def _format_errors(values: Sequence[float]) -> str:
    """Mean and range, as in "24.1 % (22.9 to 25.3)"."""
    mean = f"{100 * np.mean(values):.1f} %"
    if len(values) == 1:
        return mean
    return f"{mean} ({100 * min(values):.1f} to {100 * max(values):.1f})"


def _format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (header, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:], ""])
