"""A search's directory, and the definition of "the same search".

    search.json     the search space, strategy, other settings and data
    keras_tuner/    KerasTuner's state: the trials and their order
    trials/ ...     see `trial_results`
    hparams/        TensorBoard's list of the settings, see `hparams`
    LOCK            held by the process that chooses the trials

The same command on the same directory resumes the search; a different search is
refused. Only the number of trials may change.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
from typing import Any

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.runs import run_record
from alexnet_tf.training import checks
from alexnet_tf.tune.space import Range
from alexnet_tf.tune.trial_results import TRIALS_NAME
from tfrecords import errors
from tfrecords.durable import files, json_records
from tfrecords.shards import manifest

RECORD_NAME = "search.json"
FORMAT_NAME = "alexnet-search"
FORMAT_VERSION = 1
STRATEGIES = ("random", "hyperband", "bayesian")


@dataclasses.dataclass(frozen=True)
class Search:
    """The definition of a search."""

    strategy: str  # one of `STRATEGIES`
    space: tuple[Range, ...]  # the settings to search, at least one
    # All other settings; `num_epochs` is the length of each trial, or, with hyperband,
    # of the longest.
    config: Config
    max_trials: int | None  # at least 1; None runs hyperband to its end
    seed: int = 0  # of the drawn settings, at least 0; trials use `config.seed`
    chance_epochs: int = 3  # stops a trial after so many at ln(classes); 0: never
    # Stops a trial that is behind the median from this epoch on; 0: never.
    median_epochs: int = 3


def check_installed(strategy: str) -> None:
    """Raises `UserError` if a package that the strategy needs is not installed."""
    if strategy == "bayesian" and importlib.util.find_spec("sklearn") is None:
        raise errors.UserError(
            "--search=bayesian needs scikit-learn, which is not installed. Install it "
            "with pip install 'alexnet-tf[tune]', or choose random or hyperband."
        )


def check_trials(search: Search, data: manifest.Manifest, data_dir: str) -> None:
    """Raises `UserError` if trials could not be trained or compared.

    Checks both ends of every range and every listed value, so that a search does not
    fail at the first trial that draws an invalid one.
    """
    if "validation" not in data.splits:
        raise errors.UserError(
            f"{data_dir} has no validation split, which a search needs to compare "
            "trials. Convert the data with --validation_fraction."
        )
    ends = {each.name: each.values or (each.low, each.high) for each in search.space}
    first = {name: values[0] for name, values in ends.items()}
    others = [{**first, name: v} for name, values in ends.items() for v in values[1:]]
    for tried in (first, *others):
        config = overrides.override(search.config, tried)
        checks.check_settings(config)
        checks.check_data(config, data, data_dir)


def begin(path: str, search: Search, data_dir: str, fingerprint: str) -> None:
    """Creates a search's directory, or checks that it belongs to the same search.

    `data_dir` is as the user named it; `fingerprint` is that of the data's manifest.

    Raises:
      UserError: if the directory holds something else, or another search, listing the
        differences.
      DataError: if its record is damaged.
      StorageError: if it cannot be written.
    """
    files.make_directory(path)
    record_path = os.path.join(path, RECORD_NAME)
    new = _describe(search, data_dir, fingerprint)
    if not os.path.exists(record_path):
        run_record.refuse_foreign(path, "search", RECORD_NAME, {TRIALS_NAME})
        files.make_directory(os.path.join(path, TRIALS_NAME))
        files.write_json(record_path, new)
        return
    old = json_records.read(
        record_path, dict[str, Any], format_name=FORMAT_NAME, version=FORMAT_VERSION
    )
    differences = [
        f"\n  {name}: {old.get(name)!r} there, {new.get(name)!r} now"
        for name in dict.fromkeys([*old, *new])
        if name not in ("config", "data_dir") and old.get(name) != new.get(name)
    ]
    old_config = run_record.read_settings(record_path, old)
    differences += run_record.list_differences(old_config, search.config)
    if differences:
        raise errors.UserError(
            f"{path} holds another search:{''.join(differences)}\nUse another "
            "directory for this search, or resume the existing one with its own "
            "settings."
        )


def _describe(search: Search, data_dir: str, fingerprint: str) -> dict[str, Any]:
    return {
        "format": FORMAT_NAME,
        "version": FORMAT_VERSION,
        "search": search.strategy,
        "seed": search.seed,
        "epochs": search.config.num_epochs,
        "chance_epochs": search.chance_epochs,
        "median_epochs": search.median_epochs,
        "space": {entry.name: entry.describe() for entry in search.space},
        "data_dir": data_dir,
        "data_fingerprint": fingerprint,
        "config": overrides.to_dict(search.config),
    }
