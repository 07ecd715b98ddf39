"""What training needs in memory, whether that grows, and what two devices need."""

from __future__ import annotations

import dataclasses
import os
import statistics
from collections.abc import Mapping, Sequence

from tools.benchmarks import contest, materials, processes, trained_runs
from tools.benchmarks.contest import Factory, Options
from tools.benchmarks.report import Result

_NUM_IMAGES = 1280
_NUM_STEPS_FULL = 60
_NUM_STEPS_NARROW = 2000
# A network whose steps are fast, on the smallest crops that it takes.
_NARROW = {"model.width": 0.03, "data.crop_size": 67}
# Of the samples: until then TensorFlow fills its pools.
_START_SHARE = 0.2


@dataclasses.dataclass(frozen=True)
class Line:
    """A straight line fitted to points by least squares.

    Attributes:
      slope: of y by x.
      standard_error: of the slope; None where the points are two.
    """

    slope: float
    standard_error: float | None


def fit_line(x: Sequence[float], y: Sequence[float]) -> Line:
    """Fits a line to at least two points of different x."""
    from scipy import stats

    fitted = stats.linregress(x, y)
    error = float(fitted.stderr) if len(x) > 2 else None
    return Line(float(fitted.slope), error)


def measure_memory(options: Options) -> Result:
    """The peak of training's memory, and its slope over the steps."""
    with materials.temporary_folder() as folder:
        data_dir = materials.make_data(
            options.data_dir, folder, options.num_images or _NUM_IMAGES
        )
        full = options.network_settings
        runs = (
            ("as given", full, options.num_steps or _NUM_STEPS_FULL),
            (
                "narrow",
                {**full, **_NARROW},
                options.num_steps or _NUM_STEPS_NARROW,
            ),
        )
        rows = [
            (name, *_measure_run(data_dir, folder, name, settings, steps))
            for name, settings, steps in runs
        ]
    return Result(
        f"memory of alexnet-train, {options.precision}, batch {options.batch_size}",
        (
            "network",
            "width",
            "steps",
            "peak MB",
            "growth kB a step",
            "standard error",
        ),
        rows,
        ("{}", "{}", "{:,}", "{:.0f}", "{:.2f}", "{:.2f}"),
        [
            "Resident sets, looked at 20 times a second. The growth is a line fitted "
            "to those at the entries of metrics.jsonl, the first fifth left out. Its "
            "standard error takes them for independent, which they are not: it is "
            "rather too small."
        ],
    )


def _measure_run(
    data_dir: str,
    folder: str,
    name: str,
    settings: Mapping[str, object],
    num_steps: int,
) -> tuple:
    workdir = os.path.join(folder, name)
    count = materials.count_records(data_dir, "train")
    batch_size = int(str(settings["batch_size"]))
    steps: list[int] = []
    sizes: list[float] = []

    def look(size: int) -> None:
        entries = trained_runs.read_entries(workdir)
        if len(entries) > len(steps) and size:
            # Of entries that came together the newest counts, the others alike.
            new = [entry["step"] for entry in entries[len(steps) :]]
            steps.extend(new)
            sizes.extend([size / 1e3] * len(new))

    command = trained_runs.make_command(
        data_dir,
        workdir,
        {
            **settings,
            "log_every_steps": max(1, num_steps // 40),
            "num_epochs": -(-num_steps * batch_size // count),
        },
    )
    usage = processes.watch(command, look)
    start = int(_START_SHARE * len(steps))
    line = fit_line(steps[start:], sizes[start:])
    return (
        settings["model.width"],
        steps[-1],
        usage.peak_bytes / 1e6,
        line.slope,
        line.standard_error,
    )


def measure_placement(options: Options) -> Result:
    """Two logical devices beside one, and beside the network of one tower."""
    step = {"settings": options.network_settings, "num_classes": 1000}
    factories: dict[str, Factory] = {
        name: (
            "step_contestants:placed_step",
            {**step, "devices": devices, "num_towers": num_towers},
        )
        for name, devices, num_towers in (
            ("two towers, two devices", "CPU:0,CPU:1", 2),
            ("two towers, one device", "CPU:0", 2),
            ("one tower, one device", "CPU:0", 1),
        )
    }
    answers, notes = contest.collect(factories, options)
    contest.require(answers, ["two towers, one device"], notes)
    reference = statistics.median(
        answer["seconds"] for answer in answers["two towers, one device"]
    )
    rows = []
    for name, rounds in answers.items():
        seconds = [answer["seconds"] for answer in rounds]
        median = statistics.median(seconds)
        rows.append(
            (
                name,
                1e3 * median,
                100 * (max(seconds) - min(seconds)) / median,
                median / reference,
                rounds[-1]["peak_bytes"] / 1e6,
                rounds[-1]["crossing_bytes"],
            )
        )
    return Result(
        f"training step by placement, {options.precision}, batch {options.batch_size}",
        (
            "network",
            "ms",
            "spread %",
            "of two towers, one device",
            "peak MB",
            "bytes crossing a step",
        ),
        rows,
        ("{}", "{:.0f}", "{:.0f}", "{:.2f}", "{:.0f}", "{:,}"),
        [
            *notes,
            "Logical devices share the processor's cores and memory. One tower has as "
            "many kernels; conv2, conv4 and conv5 see all maps there: more products.",
        ],
    )
