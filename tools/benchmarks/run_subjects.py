"""Whole runs of `alexnet-train`: what input and summaries cost."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence

from tools.benchmarks import contest, materials
from tools.benchmarks.contest import Factory, Options
from tools.benchmarks.report import Result

_NUM_IMAGES = 1280
_NUM_STEPS = 60
_BARE = "bare step"
# Neither crops that move, nor mirrors, nor colours.
_PLAIN = {
    "data.crop_positions": 1,
    "data.mirror": False,
    "data.colour_shift": "none",
}


def measure_run(options: Options) -> Result:
    """Images per second of a whole run, beside the same step on images at hand."""
    return _measure_runs(
        options,
        {
            "alexnet-train": {},
            "with a checkpoint an epoch": {"checkpoint_every_epochs": 1},
        },
        "a whole run beside the bare step",
    )


def measure_augmentation(options: Options) -> Result:
    """The same with the paper's augmentation and without any."""
    return _measure_runs(
        options,
        {"augmented": {}, "not augmented": _PLAIN},
        'is augmentation "computationally free" (section 4.1)?',
    )


def _measure_runs(
    options: Options, runs: Mapping[str, Mapping[str, object]], title: str
) -> Result:
    num_steps = options.num_steps or _NUM_STEPS
    count = options.num_images or _NUM_IMAGES
    with materials.temporary_folder() as folder:
        data_dir = materials.make_data(options.data_dir, folder, count)
        count = materials.count_records(data_dir, "train")
        settings = {
            **options.network_settings,
            # At least two entries, of which the first is the start's.
            "log_every_steps": max(1, num_steps // 6),
            "num_epochs": -(-num_steps * options.batch_size // count),
        }
        num_classes = materials.count_classes(data_dir)
        factories: dict[str, Factory] = {
            name: (
                "run_contestants:trained",
                {"data_dir": data_dir, "settings": {**settings, **changes}},
            )
            for name, changes in runs.items()
        }
        factories[_BARE] = (
            "step_contestants:train_step",
            {
                "settings": options.network_settings,
                "num_classes": num_classes,
                "steps_per_call": max(1, num_steps // 3),
            },
        )
        answers, notes = contest.collect(factories, options, warm_up=0)
    contest.require(answers, [_BARE], notes)
    images = max(1, num_steps // 3) * options.batch_size
    bare = [images / seconds for seconds in answers.pop(_BARE)]
    rows = list_rows(answers, bare)
    notes += [
        f"Runs of at least {num_steps} steps on {os.cpu_count()} cores, from the first "
        "entry of metrics.jsonl to the last: input, metrics and TensorBoard's files "
        "are in the clock's rate, in the steps' own only the input. Checkpoints are in "
        "the clock's rate where the name says so; an epoch has "
        f"{count // options.batch_size:,} steps."
    ]
    if options.data_dir is None:
        notes.append(materials.DRAWN)
    return Result(
        f"{title}: {options.precision}, batch {options.batch_size}",
        (
            "run",
            "images/s by the clock",
            "spread %",
            "of the bare step",
            "images/s of the steps",
            "share waiting for input",
        ),
        rows,
        ("{}", "{:.1f}", "{:.0f}", "{:.3f}", "{:.1f}", "{:.4f}"),
        notes,
    )


def list_rows(
    answers: Mapping[str, Sequence[Mapping[str, float]]], bare: Sequence[float]
) -> list[tuple]:
    """The table's rows: medians over the rounds.

    Args:
      answers: what `run_contestants.trained` answered, by the run's name.
      bare: images per second of the bare step, round by round.
    """
    limit = statistics.median(bare)
    rows: list[tuple] = []
    for name, rounds in answers.items():
        clock, entries, waiting = (
            [answer[key] for answer in rounds]
            for key in ("clock", "entries", "waiting")
        )
        rate = statistics.median(clock)
        rows.append(
            (
                name,
                rate,
                100 * (max(clock) - min(clock)) / rate,
                rate / limit,
                statistics.median(entries),
                statistics.median(waiting),
            )
        )
    spread = 100 * (max(bare) - min(bare)) / limit
    rows.append((_BARE, limit, spread, 1.0, None, None))
    return rows
