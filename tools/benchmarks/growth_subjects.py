"""How time grows: with images, batch, worker processes and classes."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from alexnet_tf.figures import matplotlib_defaults
from tfrecords.durable import files
from tools.benchmarks import contest, convert_subjects, materials
from tools.benchmarks.contest import Factory, Options
from tools.benchmarks.report import Result

_IMAGES = (1_000, 10_000, 100_000)
_CLASSES = (10, 100, 1_000, 10_000, 21_843)
# 1, 2, 4, ... as many as there are cores, and 2 at least.
_WORKERS = tuple(2**i for i in range(max(2, (os.cpu_count() or 1).bit_length())))
_WORKERS_IMAGES = 2_000
_WORKERS_SERIES = "workers converting"
_NUM_SMALL = 20
_SMALL = (64, 48)

# Series by their names: seconds by size.
Series = dict[str, dict[int, float]]


def measure_growth(options: Options) -> Result:
    """Seconds by size, one series after the other, the sizes of a series in turns."""
    notes: list[str] = []
    series: Series = {}
    series["images converted"] = _convert(options, _list_sizes(options), notes)
    series[_WORKERS_SERIES] = _convert_by_workers(options, notes)
    series["batch, a step"] = _time_steps(
        options,
        {
            size: {"settings": {"batch_size": size}, "num_classes": 1000}
            for size in list_batches(options.batch_size)
        },
        notes,
    )
    series["classes, a step"] = _time_steps(
        options,
        {size: {"settings": {}, "num_classes": size} for size in _CLASSES},
        notes,
    )
    if options.plot:
        plot(series, options.plot)
        notes.append(f"The curves are in {options.plot}.")
    notes.append(
        "The exponent is the slope of log time by log size from the size before: 1 "
        "where time grows with the size, 0 where it does not, -1 where twice the "
        "workers need half the time."
    )
    return Result(
        f"growth of time, {options.precision}",
        ("what", "size", "seconds", "ms for each", "exponent"),
        list_rows(series),
        ("{}", "{:,}", "{:.3f}", "{:.3f}", "{:.2f}"),
        notes,
    )


def list_batches(batch_size: int) -> list[int]:
    """An eighth of a batch, doubled until it is twice the batch: 16 ... 256 of 128."""
    sizes = {max(1, 2 * batch_size // divisor) for divisor in (1, 2, 4, 8, 16)}
    return sorted(sizes)


def list_rows(series: Series) -> list[tuple]:
    """The table's rows: name, size, seconds, milliseconds for each, exponent."""
    rows: list[tuple] = []
    for name, seconds in series.items():
        before: tuple[int, float] | None = None
        for size, value in sorted(seconds.items()):
            exponent = before and math.log(value / before[1]) / math.log(
                size / before[0]
            )
            rows.append((name, size, value, 1e3 * value / size, exponent))
            before = size, value
    return rows


@matplotlib_defaults.default_style()
def plot(series: Series, path: str) -> None:
    """Draws the series, a panel each, on logarithmic axes.

    Two decades of seconds at least, so that a flat curve looks flat. The dashed line is
    time in proportion to the size, or to the workers' inverse.
    """
    from matplotlib import figure, ticker

    drawing = figure.Figure(figsize=(4.0 * len(series), 3.5), layout="constrained")
    panels: Any = drawing.subplots(1, len(series), squeeze=False)[0]
    for panel, (name, seconds) in zip(panels, series.items(), strict=True):
        sizes = sorted(seconds)
        times = [seconds[size] for size in sizes]
        panel.loglog(sizes, times, "o-")
        slope = -1 if name == _WORKERS_SERIES else 1
        ideal = [times[0] * (size / sizes[0]) ** slope for size in sizes]
        panel.loglog(sizes, ideal, "--", color="0.6")
        middle = math.sqrt(min(times) * max(times))
        panel.set_ylim(
            min(middle / 10, min(times) / 1.5), max(middle * 10, max(times) * 1.5)
        )
        labels = [f"{size:,}" for size in sizes]
        panel.set_xticks(sizes, labels, fontsize="small", rotation=30)
        panel.xaxis.set_minor_locator(ticker.NullLocator())
        panel.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
        panel.yaxis.set_minor_formatter(ticker.NullFormatter())
        panel.set_xlabel(name)
        panel.set_ylabel("seconds")
        panel.grid(True, which="both", alpha=0.3)
    stream = io.BytesIO()
    drawing.savefig(stream, format=os.path.splitext(path)[1][1:] or "png", dpi=120)
    files.write_bytes(path, stream.getvalue())


def _list_sizes(options: Options) -> list[int]:
    fitting = [size for size in _IMAGES if size <= options.max_images]
    return fitting or [options.max_images]


def _convert(
    options: Options, sizes: Sequence[int], notes: list[str]
) -> dict[int, float]:
    with materials.temporary_folder() as folder:
        drawn = materials.draw_photographs(folder, _NUM_SMALL, _SMALL)
        factories: dict[str, Factory] = {}
        for size in sizes:
            source_dir = convert_subjects.link_images(
                drawn, os.path.join(folder, str(size)), size
            )
            factories[str(size)] = (
                "convert_contestants:ours",
                {"source_dir": source_dir},
            )
        return _get_seconds(factories, options, notes)


def _convert_by_workers(options: Options, notes: list[str]) -> dict[int, float]:
    count = min(_WORKERS_IMAGES, options.max_images)
    with materials.temporary_folder() as folder:
        drawn = materials.draw_photographs(folder, _NUM_SMALL)
        source_dir = convert_subjects.link_images(
            drawn, os.path.join(folder, "source"), count
        )
        return _get_seconds(
            {
                str(workers): (
                    "convert_contestants:ours",
                    {"source_dir": source_dir, "num_workers": workers},
                )
                for workers in _WORKERS
            },
            options,
            notes,
        )


def _time_steps(
    options: Options, by_size: Mapping[int, Mapping[str, Any]], notes: list[str]
) -> dict[int, float]:
    factories: dict[str, Factory] = {
        str(size): (
            "step_contestants:train_step",
            {
                "settings": {**options.network_settings, **one["settings"]},
                "num_classes": one["num_classes"],
            },
        )
        for size, one in by_size.items()
    }
    return _get_seconds(factories, options, notes)


def _get_seconds(
    factories: Mapping[str, Factory], options: Options, notes: list[str]
) -> dict[int, float]:
    timings, complaints = contest.measure(factories, options)
    notes += complaints
    return {int(name): timing.median for name, timing in timings.items()}
