"""Draws a run's curves: error and loss, training and validation, epoch by epoch.

Several runs lie over each other, each in its colour; the rate's falls are dotted
lines. The numbers are those of `metrics.jsonl`.
"""

from __future__ import annotations

import json
import math
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf.figures import matplotlib_defaults
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files

SYNOPSIS = """\
python tools/plot_curves.py --workdirs=RUN[,RUN...] --output=curves.png

Draws top-1 error and loss of the runs, training (dashed) and validation (solid). The
colours repeat after eight runs."""

_WORKDIRS = flags.DEFINE(
    command_line.PathListParser(),
    "workdirs",
    None,
    "the runs' directories",
    required=True,
)
_LABELS = flags.DEFINE_list("labels", [], "their names in the legend")
_OUTPUT = flags.DEFINE(
    command_line.PathParser(suffixes=matplotlib_defaults.SUFFIXES),
    "output",
    "curves.png",
    "the figure: .png, .pdf or .svg",
)


def read_metrics(workdir: str) -> list[dict[str, Any]]:
    """The lines of a run's `metrics.jsonl`; a last one that a kill cut short is none.

    Raises:
      UserError: where the directory holds no metrics.
      DataError: where a line is damaged.
      StorageError: where the file cannot be read.
    """
    path = os.path.join(workdir, "metrics.jsonl")
    if not os.path.exists(path):
        raise errors.UserError(
            f"{path} does not exist: {workdir} is no run of alexnet-train, or it has "
            "not begun."
        )
    with files.read_errors(path), open(path, "rb") as file:
        lines = [line for line in file if line.endswith(b"\n")]
    metrics = []
    for number, line in enumerate(lines, 1):
        try:
            metrics.append(_parse(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise errors.DataError(
                f"{path}, line {number}, is damaged: it is no entry of alexnet-train. "
                "Remove the line, and draw again."
            ) from error
    return metrics


def _parse(line: bytes) -> dict[str, Any]:
    # A line with all that is drawn of it, as numbers; what is not finite is null there.
    values = json.loads(line)
    kind = values["kind"]
    if kind == "train":
        values["epoch"] = float(values["epoch"])
        if not all(float(rate) >= 0 for rate in values["learning_rates"].values()):
            raise ValueError(values["learning_rates"])
    if kind in ("epoch", "validation"):
        for name in ("epoch", "loss", "top1_error"):
            value = values[name]
            values[name] = math.nan if value is None else float(value)
    return dict(values)


def find_drops(lines: list[dict[str, Any]]) -> list[float]:
    """The epochs at which the highest kernel rate of a run had fallen."""
    drops, before = [], None
    for line in lines:
        if line["kind"] == "train":
            rates = line["learning_rates"]
            kernels = (v for name, v in rates.items() if name.endswith("/kernel"))
            rate = max(kernels, default=0.0)
            if before is not None and rate < before:
                drops.append(line["epoch"])
            before = rate
    return drops


@matplotlib_defaults.default_style()
def draw(
    labels: Sequence[str], runs: Sequence[list[dict[str, Any]]], path: str
) -> None:
    """Draws the runs' curves; the legend is below them."""
    from matplotlib import figure as figure_lib
    from matplotlib import lines as lines_lib

    figure = figure_lib.Figure(figsize=(11, 4.6), layout="constrained")
    error_axes, loss_axes = figure.subplots(1, 2)
    handles = []
    for number, (label, lines) in enumerate(zip(labels, runs, strict=True)):
        colour = f"C{number}"
        for kind, style in (("epoch", "--"), ("validation", "-")):
            points = [line for line in lines if line["kind"] == kind]
            epochs = [line["epoch"] for line in points]
            for axes, values in (
                (error_axes, [100 * line["top1_error"] for line in points]),
                (loss_axes, [line["loss"] for line in points]),
            ):
                axes.plot(epochs, values, style, color=colour)
        for epoch in find_drops(lines):
            for axes in (error_axes, loss_axes):
                axes.axvline(epoch, color=colour, linestyle=":", linewidth=0.8)
        handles.append(lines_lib.Line2D([], [], color=colour, label=label))
    for style, text in (("-", "validation"), ("--", "training"), (":", "rate falls")):
        grey = matplotlib_defaults.GREY
        handles.append(lines_lib.Line2D([], [], color=grey, ls=style, label=text))
    error_axes.set(xlabel="epoch", ylabel="top-1 error, %", ylim=(0, 100))
    loss_axes.set(xlabel="epoch", ylabel="loss, nats")
    loss_axes.set_ylim(bottom=0)
    for axes in (error_axes, loss_axes):
        axes.grid(alpha=0.3)
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 7),
        fontsize=8,
    )
    matplotlib_defaults.save(figure, path)


def _name_run(number: int) -> str:
    if number < len(_LABELS.value):
        return str(_LABELS.value[number])
    return os.path.basename(os.path.normpath(_WORKDIRS.value[number]))


def main() -> None:
    """Reads the flags and draws."""
    workdirs, labels = _WORKDIRS.value, _LABELS.value
    files.check_target(_OUTPUT.value)
    if not workdirs or len(labels) > len(workdirs):
        raise errors.UserError(
            f"--workdirs names {len(workdirs)} runs and --labels {len(labels)}. Name "
            "at least one run, and as many labels at most."
        )
    runs = [read_metrics(workdir) for workdir in workdirs]
    if not any(line["kind"] == "epoch" for lines in runs for line in lines):
        raise errors.UserError(
            f"{', '.join(workdirs)}: no epoch has ended yet, so that there is nothing "
            "to draw. Draw again later."
        )

    draw([_name_run(n) for n in range(len(runs))], runs, _OUTPUT.value)
    print(f"wrote {_OUTPUT.value}")


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
