"""A search's directory and what makes two searches the same.

    search.json     what is searched, how, over which settings, on which data
    keras_tuner/    KerasTuner's own state: which trials there are, which one is next
    trials/ ...     see `trial_results`
    hparams/        TensorBoard's list of the settings, see `hparams`
    LOCK            held by the process that decides what is tried

The same command on the same directory goes on; another search there is refused. More
trials than before are no other search.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
from typing import Any

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.training import checks
from alexnet_tf.tune.space import Range
from alexnet_tf.tune.trial_results import TRIALS_NAME
from tfrecords import errors
from tfrecords.durable import files, json_records, locks
from tfrecords.shards import manifest

RECORD_NAME = "search.json"
FORMAT_NAME = "alexnet-search"
FORMAT_VERSION = 1
STRATEGIES = ("random", "hyperband", "bayesian")


@dataclasses.dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Attributes:
      strategy: one of `STRATEGIES`.
      space: the settings to search, at least one.
      config: those that stand for all others; `num_epochs` of it is every trial's, or,
        with hyperband, the longest trials'.
      max_trials: when to end, at least 1; None where hyperband is to run to its end.
      seed: of the drawn settings, at least 0. The trials' own is `config.seed`.
      chance_epochs: epochs at ln(classes) that end a trial; 0: none do.
      median_epochs: from which epoch on a trial behind the others' median is ended;
        0: none is.
    """

    strategy: str
    space: tuple[Range, ...]
    config: Config
    max_trials: int | None
    seed: int = 0
    chance_epochs: int = 3
    median_epochs: int = 3


def check_installed(strategy: str) -> None:
    """Raises `UserError` where what a strategy needs is not installed."""
    if strategy == "bayesian" and importlib.util.find_spec("sklearn") is None:
        raise errors.UserError(
            "--search=bayesian needs scikit-learn, which is not installed: pip install "
            "'alexnet-tf[tune]', or choose random or hyperband."
        )


def check_trials(search: Search, data: manifest.Manifest, data_dir: str) -> None:
    """Raises `UserError` where trials could not be trained, or judged.

    Every end of a range and every listed value is looked at, so that no search ends
    with the first trial that happens to take it.
    """
    if "validation" not in data.splits:
        raise errors.UserError(
            f"{data_dir} has no validation split, by which a search judges its trials. "
            "Convert with one: --validation_fraction."
        )
    ends = {each.name: each.values or (each.low, each.high) for each in search.space}
    first = {name: values[0] for name, values in ends.items()}
    others = [{**first, name: v} for name, values in ends.items() for v in values[1:]]
    for tried in (first, *others):
        config = overrides.override(search.config, tried)
        checks.check_settings(config)
        checks.check_data(config, data, data_dir)


def begin(path: str, search: Search, data_dir: str, fingerprint: str) -> None:
    """Makes the directory of a search, or checks that this is the one in it.

    Args:
      path: the directory; made if missing.
      search: to begin or to go on with.
      data_dir: the shards, as the user named them.
      fingerprint: the data's, see `manifest.Manifest.fingerprint`.

    Raises:
      UserError: where the directory holds something else, or another search, with
        what differs.
      DataError: where its record is damaged.
      StorageError: where it cannot be written.
    """
    files.make_directory(path)
    record_path = os.path.join(path, RECORD_NAME)
    new = _describe(search, data_dir, fingerprint)
    if not os.path.exists(record_path):
        with files.storage_errors(path):
            names = {n for n in os.listdir(path) if files.TEMPORARY_MARK not in n}
        if foreign := sorted(names - {locks.LOCK_NAME, TRIALS_NAME}):
            listed = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
            raise errors.UserError(
                f"{path} is not empty and holds no search (there is no {RECORD_NAME}, "
                f"but {listed}). Choose a new or an empty directory."
            )
        files.make_directory(os.path.join(path, TRIALS_NAME))
        files.write_json(record_path, new)
        return
    old = json_records.read(
        record_path,
        dict[str, Any],
        format_name=FORMAT_NAME,
        version=FORMAT_VERSION,
    )
    differences = [
        f"\n  {name}: {old.get(name)!r} there, {new.get(name)!r} now"
        for name in dict.fromkeys([*old, *new])
        if name not in ("config", "data_dir") and old.get(name) != new.get(name)
    ]
    differences += [
        f"\n  config.{name}: {before!r} there, {after!r} now"
        for name, before, after in overrides.find_differences(
            _read_settings(record_path, old), search.config
        )
    ]
    if differences:
        raise errors.UserError(
            f"{path} holds another search:{''.join(differences)}\nChoose another "
            "directory for this search, or give what the one there was begun with to "
            "go on with it."
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


def _read_settings(path: str, record: dict[str, Any]) -> Config:
    try:
        return overrides.from_dict(record["config"])
    except (errors.UserError, KeyError) as error:
        raise errors.UserError(
            f"{path} was made by another version of this program: {error} Go on with "
            "that version, or choose another directory."
        ) from error
