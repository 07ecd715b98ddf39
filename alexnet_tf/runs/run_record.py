"""What a run's record, `run.json`, says; nothing here changes it.

Settings, data, the newest checkpoint's step and, for every start, command, versions
and hardware. The record names no user and no host; the command is kept as it was typed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.runs.metrics_file import read_steps
from tfrecords import errors
from tfrecords.durable import files, json_records

RECORD_NAME = "run.json"
METRICS_NAME = "metrics.jsonl"
CHECKPOINTS_NAME = "checkpoints"
FORMAT_NAME = "alexnet-run"
FORMAT_VERSION = 1
# The fingerprint in the record of weights that were trained elsewhere.
UNKNOWN_DATA = "unknown"


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """What a start of a run adds to its record.

    Attributes:
      data_dir: the shards, as the user named them.
      data_fingerprint: a checksum of the data set's manifest. The directory may move;
        the data may not change.
      command: the command line, program first.
      environment: name -> JSON value, from `environment.describe`.
      precision: why the arithmetic was chosen, as JSON values; None where the settings
        name it.
      weights: the file that imported weights are from, by name, size and SHA-256; None
        where none were imported.
    """

    data_dir: str
    data_fingerprint: str
    command: Sequence[str]
    environment: Mapping[str, Any]
    precision: Mapping[str, Any] | None = None
    weights: Mapping[str, Any] | None = None


def read_config(path: str) -> Config:
    """The settings of the run in `path`, as last continued; changes nothing.

    Raises:
      UserError: if there is no run, or one of another version's settings.
      DataError: if its record is damaged.
    """
    return read_settings(path, read_record(path))


def read_precision(path: str) -> str | None:
    """The arithmetic of the run in `path`; None where there is no run.

    Raises:
      UserError, DataError: as `read_config`.
    """
    return None if find_record(path) is None else read_config(path).precision


def read_record(path: str) -> dict[str, Any]:
    """What `run.json` in `path` says; changes nothing.

    Raises:
      UserError: if there is no run.
      DataError: if the record is damaged.
    """
    record = find_record(path)
    if record is None:
        raise errors.UserError(
            f"{path} holds no run: there is no {RECORD_NAME}. A workdir is what "
            "alexnet-train made."
        )
    return record


def find_record(path: str) -> dict[str, Any] | None:
    """`read_record`, but None where there is no run."""
    record_path = os.path.join(path, RECORD_NAME)
    try:
        record = json_records.read(
            record_path,
            dict[str, Any],
            format_name=FORMAT_NAME,
            version=FORMAT_VERSION,
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
    """The newest checkpoint's step; None where none was ever saved.

    Args:
      path: the run's directory.
      record: its own, from `find_record`. One of an earlier version does not tell: then
        it is a step at which a checkpoint was surely saved.
    """
    if "saved_step" in record:
        return record["saved_step"]
    return _infer_saved_step(path, record)


def _infer_saved_step(path: str, record: Mapping[str, Any]) -> int | None:
    """A step at which a checkpoint was surely saved, from the run's other traces.

    Every first evaluation, and every start that went on, has a checkpoint, and their
    directory is made with the first of them. None where nothing shows one.
    """
    steps = [start.get("from_step") or 0 for start in record["starts"]]
    steps += read_steps(os.path.join(path, METRICS_NAME), "validation")
    with contextlib.suppress(FileNotFoundError):
        names = os.listdir(os.path.join(path, CHECKPOINTS_NAME))
        if not any(files.TEMPORARY_MARK in name for name in names):
            return max(steps)
    return max(steps) or None


def read_settings(path: str, record: Mapping[str, Any]) -> Config:
    """The settings in `record`, the run's in `path`; raises `UserError`."""
    try:
        return overrides.from_dict(record["config"])
    except errors.UserError as error:
        raise errors.UserError(
            f"{path} was made by another version of this program: {error} Go on with "
            "that version, or choose another workdir."
        ) from error
