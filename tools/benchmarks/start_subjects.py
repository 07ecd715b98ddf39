"""How long commands take to start, and where the time goes."""

from __future__ import annotations

import collections
import re
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tools.benchmarks import contest, materials
from tools.benchmarks.contest import Factory, Options
from tools.benchmarks.report import Result
from tools.benchmarks.timing import CHECKOUT

COMMANDS = {
    "alexnet-convert": "tfrecords.commands.convert",
    "alexnet-verify": "tfrecords.commands.verify",
    "alexnet-index": "tfrecords.commands.index",
    "alexnet-train": "alexnet_tf.commands.train",
    "alexnet-evaluate": "alexnet_tf.commands.evaluate",
    "alexnet-export": "alexnet_tf.commands.export",
    "alexnet-predict": "alexnet_tf.commands.predict",
    "alexnet-tune": "alexnet_tf.commands.tune",
    "alexnet-completion": "alexnet_tf.commands.completion",
}
_OURS = "alexnet-train, one step"
_BARE = "bare script, one step"
# In the order of time; the names are those of the contestants' answers.
_MARKS = {
    "imported": "TensorFlow imported",
    "built": "network built",
    "stepped": "first step made",
    "ended": "process ended",
}
# python -X importtime: "import time: self [us] | cumulative | imported package".
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)")
_NUM_PACKAGES = 6


def measure_start(options: Options) -> Result:
    """Seconds to the end of step 1, beside a bare script; and those of `--help`."""
    with materials.temporary_folder() as folder:
        data_dir = materials.make_data(options.data_dir, folder, options.batch_size)
        num_classes = materials.count_classes(data_dir)
        # All of them, so that an epoch is one step.
        batch_size = materials.count_records(data_dir, "train")
        settings = {**options.network_settings, "batch_size": batch_size}
        factories: dict[str, Factory] = {
            _OURS: (
                "run_contestants:started",
                {"data_dir": data_dir, "settings": settings},
            ),
            _BARE: (
                "run_contestants:started_bare",
                {"settings": settings, "num_classes": num_classes},
            ),
        }
        for command, module in COMMANDS.items():
            factories[f"{command} --help"] = (
                "run_contestants:helped",
                {"module": module},
            )
        answers, notes = contest.collect(factories, options)
    return Result(
        f"seconds from the start of a process, {options.precision}, batch {batch_size}",
        ("command", *_MARKS.values(), "spread %"),
        [(name, *summarize_marks(rounds)) for name, rounds in answers.items()],
        ("{}", *["{:.2f}"] * len(_MARKS), "{:.0f}"),
        [
            *notes,
            "After a round that does not count: the files are in the system's cache. "
            "The bare script makes a step of the same network by this library's own "
            "modules; it reads no data and saves nothing.",
            describe_imports(),
        ],
    )


def summarize_marks(
    rounds: Sequence[Mapping[str, float]],
) -> list[float | None]:
    """A row: the median of every mark, None where there is none; the end's spread."""
    row: list[float | None] = [
        statistics.median([answer[mark] for answer in rounds])
        if mark in rounds[0]
        else None
        for mark in _MARKS
    ]
    ends = [answer["ended"] for answer in rounds]
    return [*row, 100 * (max(ends) - min(ends)) / statistics.median(ends)]


def describe_imports() -> str:
    """Which packages the import of `alexnet_tf.training.train` spends its time in."""
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            "-c",
            "from alexnet_tf.training import train",
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = sum_imports(done.stderr)
    parts = [
        f"{package} {value:.2f} s"
        for package, value in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    return (
        "Importing all that training needs, once, timed by Python (which slows it): "
        f"{sum(seconds.values()):.1f} s, of them {', '.join(parts[:_NUM_PACKAGES])}."
    )


def sum_imports(text: str) -> dict[str, float]:
    """Seconds by package of what `python -X importtime` wrote."""
    seconds: dict[str, float] = collections.defaultdict(float)
    for microseconds, module in _IMPORT.findall(text):
        seconds[module.partition(".")[0]] += int(microseconds) / 1e6
    return dict(seconds)
