"""Benchmark of how long commands take to start, and where the time goes."""

from __future__ import annotations

import collections
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from tools.benchmarks import fixtures, harness, processes, runs
from tools.benchmarks.harness import Call, Make, Options, Result

COMMANDS = {
    "alexnet-convert": "tfrecords.commands.convert",
    "alexnet-verify": "tfrecords.commands.verify",
    "alexnet-index": "tfrecords.commands.index",
    "alexnet-train": "alexnet_tf.commands.train",
    "alexnet-evaluate": "alexnet_tf.commands.evaluate",
    "alexnet-export": "alexnet_tf.commands.export",
    "alexnet-predict": "alexnet_tf.commands.predict",
    "alexnet-explain": "alexnet_tf.commands.explain",
    "alexnet-tune": "alexnet_tf.commands.tune",
    "alexnet-reproduce": "alexnet_tf.commands.reproduce",
    "alexnet-demo": "alexnet_tf.commands.demo",
    "alexnet-retrieve": "alexnet_tf.commands.retrieve",
    "alexnet-completion": "alexnet_tf.commands.completion",
}
# In the order of time, as `time_marks` names them.
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
    """Seconds to the end of step 1, beside a bare script; and to --help, by command."""
    with fixtures.temporary_folder() as folder:
        data_dir = fixtures.make_data(options, folder, options.batch_size)
        # One batch holds all images, so that an epoch is one step.
        batch_size = fixtures.count_records(data_dir, "train")
        settings = {**options.network_settings, "batch_size": batch_size}
        bare = processes.make_command(
            "tools.benchmarks.bare_start",
            json.dumps(settings),
            str(fixtures.count_classes(data_dir)),
        )
        candidates: dict[str, Make] = {
            "alexnet-train, one step": partial(start_training, data_dir, settings),
            "bare script, one step": partial(start, bare, "imported", "stepped"),
        }
        for command, module in COMMANDS.items():
            show_help = processes.make_command(module, "--help")
            candidates[f"{command} --help"] = partial(start, show_help)
        answers, notes = harness.take_turns(candidates, options)
    notes.append(
        "The files are in the system's cache after a round that does not count. The "
        "bare script makes a step of the same network with this library's modules; it "
        "reads no data and saves nothing."
    )
    return Result(
        f"seconds from the start of a process, {options.precision}, batch {batch_size}",
        f"command | {' | '.join(_MARKS.values())} | spread %",
        [(name, *summarize_marks(rounds)) for name, rounds in answers.items()],
        [*notes, describe_imports()],
    )


def summarize_marks(rounds: Sequence[Mapping[str, float]]) -> list[float | None]:
    """A row: the median of every mark, None if it is missing; the spread of the end."""
    found = harness.summarize_by_key(rounds)
    medians = [found[mark].median if mark in found else None for mark in _MARKS]
    return [*medians, found["ended"].spread]


def start_training(data_dir: str, settings: Mapping[str, object]) -> Call:
    """`alexnet-train` for an epoch of one step; a call returns `time_marks` of it."""
    once = {**settings, "log_every_steps": 1, "num_epochs": 1}

    def call() -> dict[str, float]:
        with fixtures.temporary_folder() as folder:
            workdir = os.path.join(folder, "run")
            conditions: dict[str, Callable[[str], bool]] = {
                "built": lambda text: "starting at step 0" in text,
                "stepped": lambda _: bool(runs.read_entries(workdir)),
            }
            command = fixtures.make_train_command(data_dir, workdir, once)
            return time_marks(command, conditions)

    return call


def start(command: Sequence[str], *marks: str) -> Call:
    """A command that prints marks, each on a line; a call returns `time_marks`."""
    conditions = {mark: re.compile(f"^{mark}", re.M).search for mark in marks}
    return lambda: time_marks(command, conditions)


def time_marks(
    command: Sequence[str], marks: Mapping[str, Callable[[str], Any]]
) -> dict[str, float]:
    """Runs a command and notes when conditions on its output become true.

    Returns seconds from the start of the process, by the marks' names and `ended`.
    """
    found: dict[str, float] = {}

    def look(_: int, text: str) -> None:
        for name, is_true in marks.items():
            if name not in found and is_true(text):
                found[name] = time.perf_counter() - begin

    begin = time.perf_counter()
    processes.run(command, look, seconds_between_looks=0.005)
    found["ended"] = time.perf_counter() - begin
    return found


def describe_imports() -> str:
    """Which packages the import of `alexnet_tf.training.train` spends its time in."""
    code = "from alexnet_tf.training import train"
    text = processes.run([sys.executable, "-X", "importtime", "-c", code])
    seconds = collections.Counter(sum_imports(text))
    parts = [f"{name} {s:.2f} s" for name, s in seconds.most_common(_NUM_PACKAGES)]
    return (
        "Importing all that training needs, once, timed by Python (which slows it): "
        f"{sum(seconds.values()):.1f} s, of them {', '.join(parts)}."
    )


def sum_imports(text: str) -> dict[str, float]:
    """Seconds by package of what `python -X importtime` wrote."""
    seconds: dict[str, float] = collections.defaultdict(float)
    for microseconds, module in _IMPORT.findall(text):
        seconds[module.partition(".")[0]] += int(microseconds) / 1e6
    return dict(seconds)
