"""Draws when each tower's operations ran in one training step, from its trace."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf.figures import matplotlib_defaults
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files
from tools import step_traces

SYNOPSIS = """\
python tools/plot_towers.py --output=towers.png [--devices=CPU:0,CPU:1]

Trains the paper's network on random images for a few steps, records the last one, and
draws which of its operations each tower ran when, as the host saw them: on GPUs those
are the calls that start the kernels. What XLA compiles (the fused normalization) comes
without its layer's name and leaves gaps. Prints for how long both towers worked."""

_OUTPUT = flags.DEFINE(
    command_line.PathParser(suffixes=matplotlib_defaults.SUFFIXES),
    "output",
    "towers.png",
    "the figure: .png, .pdf or .svg",
)
_DEVICES = flags.DEFINE_string("devices", "CPU:0,CPU:1", "tower a's and tower b's")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "images", lower_bound=1)
_PRECISION = flags.DEFINE_enum(
    "precision",
    "auto",
    ["auto", "float32", "mixed_bfloat16", "mixed_float16"],
    "the layers' arithmetic",
)
_WIDTH = flags.DEFINE_float("width", 1.0, "of the network", lower_bound=0.01)

_STEPS_BEFORE = 3
_COLOURS = {
    "forward": matplotlib_defaults.BLUE,
    "backward": matplotlib_defaults.VERMILLION,
}


class Interval(NamedTuple):
    """One operation, "forward" or "backward", of tower "a" or "b".

    It starts and ends in milliseconds from the first operation's start.
    """

    tower: str
    kind: str
    start: float
    end: float


class Overlap(NamedTuple):
    """Milliseconds of a step in which either tower worked, and in which both did."""

    either: float
    both: float


def read_intervals(trace: bytes) -> list[Interval]:
    """The towers' operations of a trace (`*.xplane.pb`), by their start.

    Raises `UserError` where it names none.
    """
    from tools import placement_report

    found = []
    for event in step_traces.read_events(trace):
        op = event.name.partition(":")[0]
        layer = placement_report.find_layer(op)
        if layer and layer[-1] in "ab":
            kind = placement_report.find_kind(op)
            found.append(Interval(layer[-1], kind, event.start, event.end))
    if not found:
        raise errors.UserError(
            "the trace names no operation of a tower: TensorFlow's profiler recorded "
            "nothing on this machine. Try --devices=CPU:0,CPU:1."
        )
    first = min(interval.start for interval in found)
    shifted = [
        interval._replace(start=interval.start - first, end=interval.end - first)
        for interval in found
    ]
    return sorted(shifted, key=lambda interval: interval.start)


def measure_overlap(intervals: Iterable[Interval]) -> Overlap:
    """For how long one tower, and for how long both, were at work."""
    edges = sorted(
        edge
        for interval in intervals
        for edge in (
            (interval.start, 1, interval.tower),
            (interval.end, -1, interval.tower),
        )
    )
    running = {"a": 0, "b": 0}
    either = both = before = 0.0
    for time, change, tower in edges:
        num_at_work = sum(count > 0 for count in running.values())
        either += (time - before) * (num_at_work > 0)
        both += (time - before) * (num_at_work > 1)
        running[tower] += change
        before = time
    return Overlap(either, both)


def record_step() -> bytes:
    """Trains some steps on the devices of the flags; the trace of the last one."""
    from alexnet_tf.devices import placement, precision
    from tools.benchmarks import steps

    # Before TensorFlow starts: a second logical device of the CPU is created here.
    placement.make_placement(_DEVICES.value)
    chosen = precision.choose_precision(_PRECISION.value)
    if chosen.reason:
        print(chosen.describe())
    settings = {
        "precision": chosen.precision,
        "batch_size": _BATCH_SIZE.value,
        "model.width": _WIDTH.value,
    }
    with placement.memory_errors("--batch_size or --width"):
        step, images, labels = steps.build_step(
            settings, steps.NUM_CLASSES, _DEVICES.value
        )
        for _ in range(_STEPS_BEFORE):
            step(images, labels).loss.numpy()
        return step_traces.record(lambda: step(images, labels).loss.numpy())


@matplotlib_defaults.default_style()
def draw(intervals: Sequence[Interval], title: str, output: str) -> None:
    """A row of bars for each tower, forward and backward in two colours."""
    from matplotlib import figure as figure_lib
    from matplotlib import patches

    figure = figure_lib.Figure(figsize=(11, 2.6), layout="constrained")
    axes = figure.subplots()
    for row, tower in enumerate("ba"):
        for kind, colour in _COLOURS.items():
            spans = [
                (interval.start, interval.end - interval.start)
                for interval in intervals
                if (interval.tower, interval.kind) == (tower, kind)
            ]
            axes.broken_barh(spans, (row - 0.4, 0.8), color=colour, linewidth=0)
    axes.set_yticks([0, 1], ["tower b", "tower a"])
    axes.set(xlabel="milliseconds", title=title)
    handles = [patches.Patch(color=c, label=kind) for kind, c in _COLOURS.items()]
    figure.legend(handles=handles, loc="outside right upper", fontsize=8)
    matplotlib_defaults.save(figure, output)


def main() -> None:
    """Reads the flags, records, draws."""
    files.check_target(_OUTPUT.value)
    command_line.quiet_tensorflow()
    intervals = read_intervals(record_step())
    overlap = measure_overlap(intervals)
    text = (
        f"{_DEVICES.value}, batch {_BATCH_SIZE.value}: both towers at work for "
        f"{overlap.both:.0f} of the {overlap.either:.0f} ms in which one is"
    )
    draw(intervals, text, _OUTPUT.value)
    print(f"{text} ({overlap.both / overlap.either:.0%})\nwrote {_OUTPUT.value}")


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
