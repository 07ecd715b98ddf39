"""Plots of claims: learning curves of the arms, and the differences."""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from alexnet_tf.figures import matplotlib_defaults
from alexnet_tf.reproduce.measures import MEASURES
from alexnet_tf.reproduce.outcomes import ArmResult, Outcome, Result
from alexnet_tf.reproduce.verdicts import Word
from tfrecords.durable import files

# Characters of a line of a comparison's label.
_LABEL_WIDTH = 32
# Colour and marker of a verdict.
_LOOKS = {
    Word.REPRODUCED: (matplotlib_defaults.GREEN, "o"),
    Word.CONTRADICTED: (matplotlib_defaults.VERMILLION, "s"),
    Word.NOT_DISTINGUISHABLE: (matplotlib_defaults.GREY, "D"),
    Word.NOT_RUN: (matplotlib_defaults.GREY, "D"),
}


@matplotlib_defaults.default_style()
def draw_claim(outcome: Outcome, path: str) -> None:
    """Draws a claim's learning curves and differences; nothing if none has run.

    A curve is the mean over an arm's runs, dashed for the training error of the epoch's
    own steps, solid for validation. Raises `StorageError`.
    """
    arms = [arm for arm in outcome.arms if arm.records]
    results = [result for result in outcome.results if result.difference]
    if not arms:
        return
    from matplotlib import figure

    height = max(3.5, 0.5 * len(results) + 1.5)
    drawing = figure.Figure(figsize=(11, height), layout="constrained")
    curves, differences = drawing.subplots(1, 2)
    for number, arm in enumerate(arms):
        for kind, style in (("training", "--"), ("validation", "-")):
            epochs, errors = average_curve(arm, kind)
            label = arm.name if kind == "validation" else None
            curves.plot(epochs, errors, style, color=f"C{number}", label=label)
    curves.set(xlabel="epoch", ylabel="top-1 error, %", ylim=(0, 100))
    drawing.legend(
        *curves.get_legend_handles_labels(),
        title="dashed: training",
        fontsize="small",
        ncols=min(len(arms), 4),
        loc="outside lower center",
    )
    curves.grid(alpha=0.3)
    _draw_differences(differences, results)
    drawing.suptitle(f"{outcome.claim.name} (section {outcome.claim.section})")
    _save(drawing, path)


@matplotlib_defaults.default_style()
def draw_overview(outcomes: Sequence[Outcome], path: str) -> None:
    """Draws the differences in points of all claims; nothing if there is none."""
    results = list_drawn(outcomes)
    if not results:
        return
    from matplotlib import figure

    size = (8, max(3, 0.32 * len(results) + 1.2))
    drawing = figure.Figure(figsize=size, layout="constrained")
    _draw_differences(drawing.subplots(), results)
    _save(drawing, path)


def list_drawn(outcomes: Sequence[Outcome]) -> list[Result]:
    """What `draw_overview` draws: the differences in points that there are."""
    return [
        result
        for outcome in outcomes
        for result in outcome.results
        if result.difference and MEASURES[result.comparison.measure].unit == "points"
    ]


def average_curve(arm: ArmResult, kind: str) -> tuple[list[int], list[float]]:
    """Epochs, and the mean error in percent over the runs that reached each."""
    by_epoch: dict[int, list[float]] = {}
    for record in arm.get_records():
        for entry in record.epochs:
            if kind in entry:
                error = 100 * entry[kind]["top1_error"]
                by_epoch.setdefault(entry["epoch"], []).append(error)
    epochs = sorted(by_epoch)
    return epochs, [float(np.mean(by_epoch[epoch])) for epoch in epochs]


def _draw_differences(axes: Any, results: Sequence[Result]) -> None:
    """A row per comparison: difference, interval, folds, and the paper's value."""
    labels = []
    for row, result in enumerate(results):
        measure, found = MEASURES[result.comparison.measure], result.difference
        assert found is not None

        def convert(value: float, measure: Any = measure) -> float:
            return math.exp(value) if measure.is_ratio else measure.scale * value

        middle, (colour, marker) = convert(found.pooled), _LOOKS[result.verdict.word]
        if math.isfinite(found.low):
            ends = [convert(found.low), convert(found.high)]
            axes.plot(ends, [row, row], color=colour, linewidth=2)
        axes.plot([convert(v) for v in found.by_fold], [row] * len(found.by_fold), ".")
        axes.lines[-1].set_color(colour)
        axes.plot([middle], [row], marker, color=colour)
        if result.comparison.value is not None:
            axes.plot([result.comparison.value], [row], "kx")
        unit = f", {measure.unit}" if measure.unit != "points" else ""
        text = textwrap.fill(f"{measure.text}{unit}", _LABEL_WIDTH)
        labels.append(f"{result.comparison.arm}\n{text}")
    # No difference: a ratio of 1.
    ratios = [MEASURES[result.comparison.measure].is_ratio for result in results]
    axes.axvline(1 if ratios and all(ratios) else 0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(labels)), labels, fontsize="small")
    axes.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    axes.set_xlabel(
        "difference from the control, points (or as named); x: the paper's;\n"
        "green circle: reproduced, red square: contradicted,\n"
        "grey diamond: not distinguishable",
        fontsize="small",
    )
    axes.grid(axis="x", alpha=0.3)


def _save(drawing: Any, path: str) -> None:
    files.make_directory(os.path.dirname(path) or ".")
    matplotlib_defaults.save(drawing, path)
