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

Draws top-1 error and loss of the runs, training (dashed) and validation (solid)."""

_WORKDIRS = flags.DEFINE(
    command_line.PathListParser(),
    "workdirs",
    None,
    "the runs' directories",
    required=True,
)
_LABELS = flags.DEFINE_list("labels", [], "their names in the legend")
_OUTPUT = flags.DEFINE(
    command_line.PathParser(), "output", "curves.png", "the image, PNG"
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

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (error_axes, loss_axes) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    for number, (workdir, lines) in enumerate(zip(workdirs, runs, strict=True)):
        name = os.path.basename(os.path.normpath(workdir))
        label = labels[number] if number < len(labels) else name
        for kind, style in (("epoch", "--"), ("validation", "-")):
            points = [line for line in lines if line["kind"] == kind]
            epochs = [line["epoch"] for line in points]
            name = f"{label}, {'training' if kind == 'epoch' else 'validation'}"
            for axes, values in (
                (error_axes, [100 * line["top1_error"] for line in points]),
                (loss_axes, [line["loss"] for line in points]),
            ):
                axes.plot(epochs, values, style, color=f"C{number}", label=name)
        for epoch in find_drops(lines):
            for axes in (error_axes, loss_axes):
                axes.axvline(epoch, color=f"C{number}", linestyle=":", linewidth=0.8)
    error_axes.set(xlabel="epoch", ylabel="top-1 error, %", ylim=(0, 100))
    loss_axes.set(xlabel="epoch", ylabel="loss, nats")
    loss_axes.set_ylim(bottom=0)
    error_axes.legend(fontsize=8)
    for axes in (error_axes, loss_axes):
        axes.grid(alpha=0.3)
    figure.tight_layout()
    with files.atomic_write(_OUTPUT.value) as file:
        figure.savefig(file, format="png", dpi=110)
    print(f"wrote {_OUTPUT.value}")


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
