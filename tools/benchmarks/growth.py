"""Benchmark of how time grows: with images, workers, batch and classes."""

from __future__ import annotations

import math
import os
from functools import partial
from typing import Any

from alexnet_tf.figures import matplotlib_defaults
from tools.benchmarks import conversion, fixtures, steps
from tools.benchmarks.harness import Make, Options, Result, summarize, take_turns

CLASSES = (10, 100, 1_000, 10_000, 21_843)
# 1, 2, 4, ... up to the number of cores, and 2 at least.
_WORKERS = tuple(2**i for i in range(max(2, (os.cpu_count() or 1).bit_length())))
_WORKERS_IMAGES = 2_000
_WORKERS_SERIES = "workers converting"

# Seconds by size, by the name of the series.
Series = dict[str, dict[int, float]]


def measure_growth(options: Options) -> Result:
    """Time by images, workers, batch and classes; --plot draws it."""
    settings = options.network_settings
    notes: list[str] = []
    series: Series = {}
    with fixtures.temporary_folder() as folder:
        join, count = partial(os.path.join, folder), conversion.NUM_SMALL
        small = fixtures.draw_photographs(join("small"), count, conversion.SMALL)
        large = fixtures.get_photographs(None, join("large"), count)
        num_linked = min(_WORKERS_IMAGES, options.max_images)
        source_dir = fixtures.link_images(large, join("source"), num_linked)
        candidates: dict[str, dict[int, Make]] = {
            "images converted": {
                size: partial(
                    conversion.convert_folder,
                    fixtures.link_images(small, join(str(size)), size),
                )
                for size in conversion.list_sizes(options.max_images)
            },
            _WORKERS_SERIES: {
                number: partial(conversion.convert_folder, source_dir, number)
                for number in _WORKERS
            },
            "batch, a step": {
                size: partial(steps.train_step, {**settings, "batch_size": size})
                for size in list_batches(options.batch_size)
            },
            "classes, a step": {
                size: partial(steps.train_step, settings, size) for size in CLASSES
            },
        }
        for name, by_size in candidates.items():
            named = {str(size): make for size, make in by_size.items()}
            answers, new_notes = take_turns(named, options)
            notes += new_notes
            series[name] = {
                int(size): summarize(seconds).median
                for size, seconds in answers.items()
            }
    if options.plot:
        plot(series, options.plot)
        notes.append(f"The curves are in {options.plot}.")
    notes.append(
        "The exponent is the slope of log time over log size from the previous size: 1 "
        "if time is proportional to size, 0 if it is constant, -1 if twice the workers "
        "take half the time."
    )
    return Result(
        f"growth of time, {options.precision}",
        "what | size | seconds | ms for each | exponent",
        list_rows(series),
        notes,
    )


def list_batches(batch_size: int) -> list[int]:
    """An eighth of a batch, doubled up to twice the batch: 16 ... 256 for 128."""
    sizes = {max(1, 2 * batch_size // divisor) for divisor in (1, 2, 4, 8, 16)}
    return sorted(sizes)


def list_rows(series: Series) -> list[tuple]:
    """The table's rows: name, size, seconds, milliseconds for each, exponent."""
    rows: list[tuple] = []
    for name, seconds in series.items():
        exponent, before = None, None
        for size in sorted(seconds):
            time = seconds[size]
            if before:
                exponent = math.log(time / seconds[before]) / math.log(size / before)
            rows.append((name, size, time, 1e3 * time / size, exponent))
            before = size
    return rows


@matplotlib_defaults.default_style()
def plot(series: Series, path: str) -> None:
    """Draws the series on logarithmic axes, a panel each.

    An axis spans two decades of seconds at least, so that a flat curve looks flat. The
    dashed line is time proportional to the size, or to the inverse of the workers.
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
    matplotlib_defaults.save(drawing, path)
