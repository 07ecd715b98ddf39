"""Draws a run's curves: error and loss, training and validation, epoch by epoch.

Several runs lie over each other, each in its colour; the rate's falls are dotted
lines. The numbers are those of `metrics.jsonl`.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
from typing import Any

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf import figures
from tfrecords import command_line, durable, errors

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
    command_line.PathParser(), "output", "curves.png", "the picture, PNG"
)


def read_metrics(workdir: str) -> list[dict[str, Any]]:
    """The lines of a run's `metrics.jsonl`.

    Raises:
      UserError: where the directory holds no metrics.
    """
    path = os.path.join(workdir, "metrics.jsonl")
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise errors.UserError(
            f"{path} does not exist: {workdir} is no run of alexnet-train, or it has "
            "not begun."
        ) from error


def find_drops(lines: list[dict[str, Any]]) -> list[float]:
    """The epochs at which the highest kernel rate of a run had fallen."""
    drops, before = [], None
    for line in lines:
        if line["kind"] == "train":
            rates = line["learning_rates"]
            rate = max(v for name, v in rates.items() if name.endswith("/kernel"))
            if before is not None and rate < before:
                drops.append(line["epoch"])
            before = rate
    return drops


@figures.default_style()
def main() -> None:
    """Reads the flags and draws."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (error_axes, loss_axes) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    for number, workdir in enumerate(_WORKDIRS.value):
        lines = read_metrics(workdir)
        labels = _LABELS.value
        label = labels[number] if number < len(labels) else os.path.basename(workdir)
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
    with durable.atomic_write(_OUTPUT.value) as file:
        figure.savefig(file, format="png", dpi=110)
    print(f"wrote {_OUTPUT.value}")


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
