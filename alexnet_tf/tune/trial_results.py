"""The results of a search's trials: one file each, a table, and the best settings.

    trials/<id>/        a run, see `runs.workdir`
    trials/<id>.json    its result, written when it ended for any reason
    trials.csv          all results
    best.json           settings for alexnet-train --experiment

A trial that has a result is not trained again.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

from alexnet_tf import experiments
from alexnet_tf.config import overrides, settings_file
from alexnet_tf.config.schema import Config
from tfrecords.durable import files, json_records
from tfrecords.plurals import counted

TRIALS_NAME = "trials"
TABLE_NAME = "trials.csv"
BEST_NAME = "best.json"

# How a trial ended. The first three have finite numbers and count.
FINISHED = "finished"
BEHIND = "behind"
AT_CHANCE = "at chance"
NOT_FINITE = "not finite"
NO_MEMORY = "no memory"
COUNTED = (FINISHED, BEHIND, AT_CHANCE)


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """How a trial ended."""

    trial: str  # its identifier
    status: str  # FINISHED, BEHIND the others, AT_CHANCE, NOT_FINITE or NO_MEMORY
    settings: Mapping[str, Any]  # dotted name -> value of what was searched
    epochs: int  # the number of evaluated epochs
    # The smallest validation error, 0..1; 1 if there was no evaluation or the numbers
    # were not finite.
    top1_error: float
    best_epoch: int  # the epoch of that error; 0 if there is none
    seconds: float  # from the trial's last start to its end
    text: str = ""  # why it ended early


def get_workdir(tune_dir: str, trial: str) -> str:
    """The directory of a trial's run."""
    return os.path.join(tune_dir, TRIALS_NAME, trial)


def write(tune_dir: str, result: TrialResult) -> None:
    """Writes a trial's result atomically; raises `StorageError`."""
    path = get_workdir(tune_dir, result.trial) + ".json"
    files.write_json(path, dataclasses.asdict(result))


def read(tune_dir: str, trial: str) -> TrialResult | None:
    """A trial's result, None if it has not ended; raises `DataError` if damaged."""
    path = get_workdir(tune_dir, trial) + ".json"
    remedy = "Remove it: the trial then resumes from its run's last checkpoint."
    try:
        return json_records.read(path, TrialResult, remedy=remedy)
    except FileNotFoundError:
        return None


def read_all(tune_dir: str) -> list[TrialResult]:
    """All existing results, sorted by trial; raises `DataError`."""
    names = os.listdir(os.path.join(tune_dir, TRIALS_NAME))
    trials = sorted(name[:-5] for name in names if name.endswith(".json"))
    found = (read(tune_dir, trial) for trial in trials)
    return [result for result in found if result is not None]


def find_best(results: Sequence[TrialResult]) -> TrialResult | None:
    """The counting result with the smallest error; the first if several are equal."""
    counted = [result for result in results if result.status in COUNTED]
    return min(counted, key=lambda result: result.top1_error, default=None)


def make_settings(config: Config, result: TrialResult) -> settings_file.SettingsFile:
    """A trial's settings, as differences from an experiment.

    Settings that a resumed run may change (length, devices, intervals) are left out. If
    `config`, the search's other settings, comes from a settings file, that file's
    experiment is the starting point.
    """
    start = experiments.get_config(config.experiment.partition("+")[0])
    tried = overrides.override(config, result.settings)
    differences = overrides.find_differences(start, tried)
    # Includes settings that a run could inherit: the trials used these values.
    written = {name for name, _, _ in differences} - {"experiment"}
    if tried.init_from:
        written.update(experiments.list_inherited(start.experiment))
    return settings_file.SettingsFile(
        start.experiment,
        {n: value for n, value in overrides.to_dict(tried).items() if n in written},
        {
            "trial": result.trial,
            "top1_error": result.top1_error,
            "best_epoch": result.best_epoch,
            "epochs": result.epochs,
        },
    )


def publish(tune_dir: str, config: Config) -> list[TrialResult]:
    """Writes `trials.csv` and, if any result counts, `best.json`; returns the results.

    Both are written atomically. `config` is the search's other settings.

    Raises:
      DataError: if a result is damaged.
      StorageError: if the directory cannot be written.
    """
    results = read_all(tune_dir)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    header, rows = _make_rows(results)
    writer.writerows([header, *rows])
    files.write_bytes(os.path.join(tune_dir, TABLE_NAME), text.getvalue().encode())
    best = find_best(results)
    if best is not None:
        path = os.path.join(tune_dir, BEST_NAME)
        settings_file.write(path, make_settings(config, best))
    return results


def format_end(
    results: Sequence[TrialResult],
    training: Sequence[str],
    data_dir: str,
    tune_dir: str,
) -> list[str]:
    """The last lines: the best trial, or which trials other processes still train."""
    best = find_best(results)
    found = f"{best.top1_error:.2%} (trial {best.trial})" if best else "none"
    if training:
        return [
            f"no more trials for this worker; others still train {', '.join(training)}",
            f"best validation top-1 error so far: {found}",
        ]
    if best is None:
        return ["no trial learned anything: search other ranges in a new --tune_dir"]
    path = os.path.join(tune_dir, BEST_NAME)
    return [
        f"done: {counted(len(results), 'trial')}, best validation top-1 error {found}: "
        f"{path}",
        f"  alexnet-train --data_dir={data_dir} --workdir=W --experiment={path}",
        f"  tensorboard --logdir={tune_dir}",
    ]


def format_table(results: Sequence[TrialResult]) -> str:
    """Formats the results, smallest error first, those that do not count last."""
    ordered = sorted(
        results, key=lambda result: (result.status not in COUNTED, result.top1_error)
    )
    header, rows = _make_rows(ordered)
    # Only the last parts of dotted names, as a console is narrow.
    header = [name.rpartition(".")[2] for name in header]
    for row in rows:
        row[2] = f"{row[2]:.2%}"
        row[5] = f"{row[5]:.0f}"
    cells = [
        header,
        *([f"{v:g}" if isinstance(v, float) else str(v) for v in row] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    )


def _make_rows(results: Sequence[TrialResult]) -> tuple[list[str], list[list[Any]]]:
    names = list(results[0].settings) if results else []
    header = ["trial", "status", "top1_error", "best_epoch", "epochs", "seconds"]
    rows = [
        [
            *(result.trial, result.status, result.top1_error),
            *(result.best_epoch, result.epochs, round(result.seconds, 1)),
            *(result.settings[name] for name in names),
        ]
        for result in results
    ]
    return header + names, rows
