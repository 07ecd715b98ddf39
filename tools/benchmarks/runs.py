"""Benchmarks of whole runs of `alexnet-train`: their speed and their memory."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tools.benchmarks import fixtures, harness, processes, steps
from tools.benchmarks.harness import Call, Make, Options, Result

_NUM_IMAGES = 1280
_NUM_STEPS = 60
_NUM_STEPS_NARROW = 2000
# A network of fast steps, on the smallest crops that it accepts.
_NARROW = {"model.width": 0.03, "data.crop_size": 67}
_NO_AUGMENTATION = {
    "data.crop_positions": 1,
    "data.mirror": False,
    "data.colour_shift": "none",
}
_BARE = "bare step"


def read_entries(workdir: str) -> list[dict[str, Any]]:
    """The training entries of metrics.jsonl so far, without a line half written."""
    path = os.path.join(workdir, "metrics.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file if line.endswith("\n")]
    return [line for line in lines if line["kind"] == "train"]


def measure_run(options: Options) -> Result:
    """alexnet-train with input and summaries, beside the bare step."""
    saving = {"checkpoint_every_epochs": 1}
    runs = {"alexnet-train": {}, "with a checkpoint an epoch": saving}
    return _measure_runs(options, runs, "a whole run beside the bare step")


def measure_augmentation(options: Options) -> Result:
    """alexnet-train with the paper's augmentation and without any."""
    runs = {"augmented": {}, "not augmented": _NO_AUGMENTATION}
    title = 'is augmentation "computationally free" (section 4.1)?'
    return _measure_runs(options, runs, title)


def _measure_runs(
    options: Options, runs: Mapping[str, Mapping[str, object]], title: str
) -> Result:
    num_steps = options.num_steps or _NUM_STEPS
    with fixtures.temporary_folder() as folder:
        num_images = options.num_images or _NUM_IMAGES
        data_dir = fixtures.make_data(options, folder, num_images)
        count = fixtures.count_records(data_dir, "train")
        settings = {
            **options.network_settings,
            # Two entries at least: the first includes the start.
            "log_every_steps": max(1, num_steps // 6),
            "num_epochs": -(-num_steps * options.batch_size // count),
        }
        steps_per_call = max(1, num_steps // 3)
        candidates: dict[str, Make] = {
            name: partial(train, data_dir, {**settings, **changes})
            for name, changes in runs.items()
        }
        num_classes = fixtures.count_classes(data_dir)
        candidates[_BARE] = partial(
            steps.train_step, options.network_settings, num_classes, steps_per_call
        )
        answers, notes = harness.take_turns(candidates, options, [_BARE], warm_up=0)
    images = steps_per_call * options.batch_size
    bare = [images / seconds for seconds in answers.pop(_BARE)]
    notes.append(
        f"Runs of at least {num_steps} steps on {os.cpu_count()} cores, from the first "
        "entry of metrics.jsonl to the last. The rate by the clock includes input, "
        "metrics and TensorBoard's files, and checkpoints where the name says so; the "
        "rate of the steps includes only the input. An epoch has "
        f"{count // options.batch_size:,} steps."
    )
    if options.data_dir is None:
        notes.append(fixtures.DRAWN)
    return Result(
        f"{title}: {options.precision}, batch {options.batch_size}",
        f"run | images/s by the clock | spread % | of the {_BARE} | "
        "images/s of the steps | share waiting for input",
        list_runs(answers, bare),
        notes,
    )


def list_runs(
    answers: Mapping[str, Sequence[Mapping[str, float]]], bare: Sequence[float]
) -> list[tuple]:
    """The table's rows, from what `train` returned and the bare step's images/s."""
    limit = harness.summarize(bare)
    rows: list[tuple] = []
    for name, rounds in answers.items():
        run = harness.summarize_by_key(rounds)
        share = run["clock"].median / limit.median
        steps_alone = (run["entries"].median, run["waiting"].median)
        rows.append((name, *run["clock"], share, *steps_alone))
    return [*rows, (_BARE, *limit, 1.0, None, None)]


def train(data_dir: str, settings: Mapping[str, object]) -> Call:
    """Runs `alexnet-train` from start to end; a call returns `summarize_entries`."""

    def call() -> dict[str, float]:
        seen: list[tuple[float, dict[str, Any]]] = []
        with fixtures.temporary_folder() as folder:
            workdir = os.path.join(folder, "run")

            def look(*_: Any) -> None:
                entries = read_entries(workdir)
                now = time.perf_counter()
                seen.extend((now, entry) for entry in entries[len(seen) :])

            command = fixtures.make_train_command(data_dir, workdir, settings)
            processes.run(command, look, seconds_between_looks=0.05)
            look()
        return summarize_entries(seen, int(str(settings["batch_size"])))

    return call


def summarize_entries(
    seen: list[tuple[float, dict[str, Any]]], batch_size: int
) -> dict[str, float]:
    """A run between its first and last entry, each with the second it appeared.

    Returns images per second by the `clock` and as the `entries` say, and the share of
    `waiting` for input as they say, 0..1.
    """
    (start, first), (end, last) = seen[0], seen[-1]
    seconds, waited = 0.0, 0.0
    for (_, before), (_, entry) in itertools.pairwise(seen):
        images = (entry["step"] - before["step"]) * batch_size
        took = images / entry["images_per_second"]
        seconds += took
        waited += entry["input_wait_share"] * took
    images = (last["step"] - first["step"]) * batch_size
    return {
        "clock": images / (end - start),
        "entries": images / seconds,
        "waiting": waited / seconds,
    }


def measure_memory(options: Options) -> Result:
    """The peak of training's memory, and whether it grows with the steps."""
    given = options.network_settings
    networks = (
        ("as given", given, _NUM_STEPS),
        ("narrow", {**given, **_NARROW}, _NUM_STEPS_NARROW),
    )
    with fixtures.temporary_folder() as folder:
        num_images = options.num_images or _NUM_IMAGES
        data_dir = fixtures.make_data(options, folder, num_images)
        rows = []
        for name, settings, num_steps in networks:
            usage = _watch_run(data_dir, settings, options.num_steps or num_steps)
            rows.append((name, settings["model.width"], *usage))
    return Result(
        f"memory of alexnet-train, {options.precision}, batch {options.batch_size}",
        "network | width | steps | peak MB | growth kB a step | standard error",
        rows,
        [
            "Resident sets, sampled 20 times a second. The growth is the slope of a "
            "line through the values at the entries of metrics.jsonl, without the "
            "first fifth, in which TensorFlow fills its pools. Its standard error "
            "treats them as independent, which they are not, so it is too small."
        ],
    )


def _watch_run(data_dir: str, settings: Mapping[str, object], num_steps: int) -> tuple:
    count = fixtures.count_records(data_dir, "train")
    num_epochs = -(-num_steps * int(str(settings["batch_size"])) // count)
    logging = {"log_every_steps": max(1, num_steps // 40), "num_epochs": num_epochs}
    points: list[tuple[int, float]] = []
    with fixtures.temporary_folder() as folder:
        workdir = os.path.join(folder, "run")

        def look(num_bytes: int) -> None:
            if num_bytes:
                new = read_entries(workdir)[len(points) :]
                points.extend((entry["step"], num_bytes / 1e3) for entry in new)

        logged = {**settings, **logging}
        command = fixtures.make_train_command(data_dir, workdir, logged)
        usage = processes.watch(command, look)
    line = fit_line(points[len(points) // 5 :])
    return points[-1][0], usage.peak_bytes / 1e6, *line


def fit_line(points: Sequence[tuple[float, float]]) -> tuple[float, float | None]:
    """Slope and standard error of the line through points; of two, there is none."""
    from scipy import stats

    fitted = stats.linregress(*zip(*points, strict=True))
    return float(fitted.slope), float(fitted.stderr) if len(points) > 2 else None
