"""Reads a run's record, `run.json`, without changing it.

It holds settings, data, the newest checkpoint's step and, for every start, command,
versions and hardware. User and host are not recorded; the command is, as it was typed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.runs.metrics_file import read_lines
from tfrecords import errors
from tfrecords.console import directory_kinds
from tfrecords.durable import files, json_records, locks

RECORD_NAME = "run.json"
METRICS_NAME = "metrics.jsonl"
CHECKPOINTS_NAME = "checkpoints"
FORMAT_NAME = "alexnet-run"
FORMAT_VERSION = 1
# The data fingerprint in the record of imported weights.
UNKNOWN_DATA = "unknown"


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """The entry that a start adds to the run's record."""

    data_dir: str  # the shards, as the user named them
    # Of the data set's manifest: the directory may move, but the data must not change.
    data_fingerprint: str
    command: Sequence[str]  # the command line, program first
    environment: Mapping[str, Any]  # name -> JSON value, from `environment.describe`
    # Why "auto" chose the precision, as JSON values; None if the settings name it.
    precision: Mapping[str, Any] | None = None
    # Name, size and SHA-256 of the imported file; None if none was imported.
    weights: Mapping[str, Any] | None = None


def get_checkpoints_dir(path: str) -> str:
    """The directory of the checkpoints of the run in `path`."""
    return os.path.join(path, CHECKPOINTS_NAME)


def read_config(path: str) -> Config:
    """The settings of the run in `path`, as of its last start.

    Raises:
      UserError: if there is no run, or its settings are another version's.
      DataError: if its record is damaged.
    """
    return read_settings(path, read_record(path))


def read_precision(path: str) -> str | None:
    """The precision of the run in `path`, or None; raises as `read_config`."""
    return None if find_record(path) is None else read_config(path).precision


def read_earlier(path: str) -> dict[str, Any]:
    """`overrides.list_earlier` of the run in `path`; {} without a run."""
    if find_record(path) is None:
        return {}
    return overrides.list_earlier(read_config(path))


def read_record(path: str) -> dict[str, Any]:
    """Reads `run.json` in `path`.

    Raises:
      UserError: if there is no run.
      DataError: if the record is damaged.
    """
    record = find_record(path)
    if record is None:
        if kind := directory_kinds.recognize(path):
            raise errors.UserError(
                f"{path} holds no run: it is {kind}. Give a workdir made by "
                "alexnet-train."
            )
        raise errors.UserError(
            f"{path} holds no run: there is no {RECORD_NAME}. Give a workdir made by "
            "alexnet-train."
        )
    return record


def find_record(path: str) -> dict[str, Any] | None:
    """Like `read_record`, but returns None if there is no run."""
    record_path = os.path.join(path, RECORD_NAME)
    try:
        record = json_records.read(
            record_path, dict[str, Any], format_name=FORMAT_NAME, version=FORMAT_VERSION
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    with json_records.explain_damage(record_path):
        for key in ("config", "data", "starts"):
            if not record[key]:
                raise ValueError(f"{key} is empty")
        saved_step = record.get("saved_step")
        if not isinstance(saved_step, int | None):
            raise ValueError(f"saved_step is {saved_step!r}, not a step")
    return record


def get_saved_step(path: str, record: Mapping[str, Any]) -> int | None:
    """The newest checkpoint's step in the record of the run in `path`, or None.

    An earlier version's record lacks the step; the result is then one that certainly
    had a checkpoint. Every first evaluation and every resumed start has a checkpoint,
    and the first checkpoint creates their directory.
    """
    if "saved_step" in record:
        saved_step: int | None = record["saved_step"]
        return saved_step
    steps = [start.get("from_step") or 0 for start in record["starts"]]
    for values in read_lines(os.path.join(path, METRICS_NAME)):
        if values.get("kind") == "validation" and isinstance(values.get("step"), int):
            steps.append(values["step"])
    with contextlib.suppress(FileNotFoundError):
        names = os.listdir(get_checkpoints_dir(path))
        if not any(files.TEMPORARY_MARK in name for name in names):
            return max(steps)
    return max(steps) or None


def read_settings(path: str, record: Mapping[str, Any]) -> Config:
    """The settings in `record`, of the directory `path`; raises `UserError`."""
    try:
        return overrides.from_dict(record["config"])
    except (errors.UserError, KeyError) as error:
        raise errors.UserError(
            f"{path} was made by another version of this program: {error} Resume with "
            "that version, or choose another directory."
        ) from error


def refuse_foreign(path: str, kind: str, record_name: str, others: set[str]) -> None:
    """Raises `UserError` if `path` holds other files and no "run" or "search".

    Called before locking: a directory that is not ours gets no lock file either.
    """
    with files.storage_errors(path):
        names = {n for n in os.listdir(path) if files.TEMPORARY_MARK not in n}
    foreign = sorted(names - {locks.LOCK_NAME} - others)
    if record_name not in names and foreign:
        listed = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
        raise errors.UserError(
            f"{path} is not empty and holds no {kind} (there is no {record_name}, but "
            f"{listed}). Give a new or empty directory."
        )


def list_differences(old: Config, new: Config) -> list[str]:
    """A line for every setting that differs and must not change in a run."""
    return [
        f"\n  config.{name}: {before!r} there, {after!r} now"
        for name, before, after in overrides.find_differences(old, new)
    ]
