"""One run's directory: its lock, its lab record, its metrics.

    run.json        settings, data and, for every start, command, versions, hardware
    metrics.jsonl   one JSON object a line: what was measured at which step
    checkpoints/    see `checkpoint`
    LOCK            held by the process that trains here

A run is continued by the same command on the same directory; settings that would
make it another run are refused. The record names no user and no host; the command
stands there as it was typed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alexnet_tf import settings
from alexnet_tf.config import Config
from tfrecords import durable, errors, typed_json

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
    """

    data_dir: str
    data_fingerprint: str
    command: Sequence[str]
    environment: Mapping[str, Any]


class Workdir:
    """A run's directory while this process holds it; made by `open_workdir`.

    Attributes:
      path: the directory.
      checkpoints_dir: where its checkpoints are.
      warnings: sentences for the user, about what changed since the last start.
    """

    def __init__(self, path: str, record: dict[str, Any], warnings: list[str]):
        self.path = path
        self.checkpoints_dir = os.path.join(path, CHECKPOINTS_NAME)
        self.warnings = warnings
        self._record = record
        self._metrics_path = os.path.join(path, METRICS_NAME)

    def begin(self, step: int) -> None:
        """Writes this start into the record and takes the metrics back to `step`.

        Nothing but the lock is written before, so that a start that fails early
        leaves an empty directory empty. To be called once, before the first training
        step. Lines of steps after `step`, which will be measured again, are dropped,
        and so is a last line that a kill cut short.

        Args:
          step: of the checkpoint from which the run goes on; 0 at its beginning.

        Raises:
          DataError: if `metrics.jsonl` has an unreadable line that is not its last.
          StorageError: if the directory cannot be written.
        """
        self._rewind_metrics(step)
        self._record["starts"][-1]["from_step"] = step
        durable.write_json(os.path.join(self.path, RECORD_NAME), self._record)

    def append_metrics(self, values: Mapping[str, Any]) -> None:
        """Adds a line to `metrics.jsonl` and hands it to the operating system.

        What belongs to a checkpoint's step is appended before that checkpoint is
        saved: lines of its step are kept when the run goes on from there.

        Args:
          values: "step" and any others: numbers (NumPy's too; one that is not finite
            becomes null), text, booleans, lists and dictionaries of them.

        Raises:
          StorageError: if the disk is full, read-only or failing.
        """
        if not isinstance(values.get("step"), int):
            raise ValueError(f"metrics without a whole-numbered step: {values}")
        line = json.dumps(_to_json(values), allow_nan=False) + "\n"
        with (
            durable.storage_errors(self._metrics_path),
            open(self._metrics_path, "ab") as file,
        ):
            file.write(line.encode())

    def _rewind_metrics(self, step: int) -> None:
        if not os.path.exists(self._metrics_path):
            return
        with open(self._metrics_path, "rb") as file:
            content = file.read()
        lines = content.splitlines(keepends=True)
        kept = []
        for number, line in enumerate(lines, 1):
            try:
                line_step = json.loads(line)["step"]
            except (ValueError, KeyError, TypeError) as error:
                if number == len(lines):
                    break
                raise errors.DataError(
                    f"{self._metrics_path}, line {number}, is damaged: it is no JSON "
                    "object with a step. Remove the line, or the file, and run the "
                    "same command again."
                ) from error
            if line_step <= step and line.endswith(b"\n"):
                kept.append(line)
        if len(kept) < len(lines):
            durable.write_bytes(self._metrics_path, b"".join(kept))


@contextlib.contextmanager
def open_workdir(path: str, config: Config, info: RunInfo) -> Iterator[Workdir]:
    """Holds a run's directory, new or begun, for this process.

    Args:
      path: the directory; made if missing.
      config: the run's settings.
      info: the rest of what the record says of this start.

    Yields:
      The directory; `begin` is the next to be called on it.

    Raises:
      UserError: if the directory holds something else than a run, or a run of other
        settings or other data, which the message lists.
      DataError: if its record is damaged.
      InUseError: if another process holds it.
      StorageError: if it cannot be written.
    """
    durable.make_directory(path)
    _refuse_foreign(path)
    with durable.directory_lock(path, "alexnet-train"):
        durable.remove_temporary_files(path)
        record = _read_record(path)
        warnings = []
        start = {
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(
                timespec="seconds"
            ),
            "command": [os.path.basename(info.command[0]), *info.command[1:]],
            "environment": dict(info.environment),
        }
        if record is None:
            record = {"format": FORMAT_NAME, "version": FORMAT_VERSION, "starts": []}
        else:
            _refuse_imported(path, record["data"])
            old_config = _read_settings(path, record)
            _refuse_other_run(path, old_config, config)
            _refuse_other_data(path, record["data"], info)
            changes = _find_changes(settings.to_dict(old_config), config)
            if changes:
                start["changed_settings"] = changes
            warnings += _compare_environments(
                record["starts"][-1]["environment"], info.environment
            )
        record["data"] = {
            "data_dir": info.data_dir,
            "fingerprint": info.data_fingerprint,
        }
        record["config"] = settings.to_dict(config)
        record["starts"].append(start)
        yield Workdir(path, record, warnings)


def check_workdir(path: str, config: Config, info: RunInfo) -> bool:
    """Whether `open_workdir` would take the directory; changes nothing.

    Args:
      path: the directory; it may be missing.
      config: the run's settings.
      info: as of `open_workdir`.

    Returns:
      Whether there is a run in it.

    Raises:
      UserError, DataError, InUseError, StorageError: as `open_workdir`.
    """
    durable.check_directory(path)
    if not os.path.isdir(path):
        return False
    _refuse_foreign(path)
    durable.check_lock(path)
    record = _read_record(path)
    if record is None:
        return False
    _refuse_imported(path, record["data"])
    _refuse_other_run(path, _read_settings(path, record), config)
    _refuse_other_data(path, record["data"], info)
    return True


def read_config(path: str) -> Config:
    """The settings of the run in `path`, as last continued; changes nothing.

    Raises:
      UserError: if there is no run, or one of another version's settings.
      DataError: if its record is damaged.
    """
    return _read_settings(path, read_record(path))


def read_record(path: str) -> dict[str, Any]:
    """What `run.json` in `path` says; changes nothing.

    Raises:
      UserError: if there is no run.
      DataError: if the record is damaged.
    """
    record = _read_record(path)
    if record is None:
        raise errors.UserError(
            f"{path} holds no run: there is no {RECORD_NAME}. A workdir is what "
            "alexnet-train made."
        )
    return record


def _read_record(path: str) -> dict[str, Any] | None:
    record_path = os.path.join(path, RECORD_NAME)
    keys = {"config", "data", "starts"}
    try:
        record = typed_json.read_record(record_path, FORMAT_NAME, FORMAT_VERSION, keys)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not record["starts"]:
        raise errors.DataError(
            f"{record_path} is damaged: it holds no start. Restore it from a copy, or "
            "choose another workdir."
        )
    return record


def _read_settings(path: str, record: Mapping[str, Any]) -> Config:
    try:
        return settings.from_dict(record["config"])
    except errors.UserError as error:
        raise errors.UserError(
            f"{path} was made by another version of this program: {error} Go on with "
            "that version, or choose another workdir."
        ) from error


def _refuse_foreign(path: str) -> None:
    """Before the lock: a directory of something else is not even locked."""
    with durable.storage_errors(path):
        names = {n for n in os.listdir(path) if durable.TEMPORARY_MARK not in n}
    if RECORD_NAME not in names and (foreign := sorted(names - {durable.LOCK_NAME})):
        listed = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
        raise errors.UserError(
            f"{path} is not empty and holds no run (there is no {RECORD_NAME}, but "
            f"{listed}). Choose a new or an empty directory as workdir."
        )


def _refuse_imported(path: str, old: Mapping[str, Any]) -> None:
    if old["fingerprint"] == UNKNOWN_DATA:
        raise errors.UserError(
            f"{path} holds weights that were trained elsewhere, on {old['data_dir']}. "
            f"Train on from them in another workdir, with --config.init_from={path}."
        )


def _refuse_other_run(path: str, old: Config, new: Config) -> None:
    differences = settings.find_differences(old, new)
    if differences:
        listed = "".join(
            f"\n  config.{name}: {before!r} there, {after!r} now"
            for name, before, after in differences
        )
        raise errors.UserError(
            f"{path} holds a run of other settings:{listed}\nChoose another workdir "
            "for this run, or give the settings of the one there to continue it."
        )


def _refuse_other_data(path: str, old: Mapping[str, Any], info: RunInfo) -> None:
    if old["fingerprint"] != info.data_fingerprint:
        raise errors.UserError(
            f"{path} holds a run on other data: {old['data_dir']} had the fingerprint "
            f"{old['fingerprint']}, {info.data_dir} has {info.data_fingerprint}. "
            "Choose another workdir, or give the data of the run there."
        )


def _find_changes(old: Mapping[str, Any], config: Config) -> dict[str, list[Any]]:
    """Name -> [old, new] of settings with which a run may be continued otherwise."""
    new = settings.to_dict(config)
    return {name: [old[name], new[name]] for name in new if old[name] != new[name]}


def _compare_environments(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    changed = [
        f"{name} {old.get(name)} -> {new.get(name)}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    if not changed:
        return []
    return [
        f"since the last start there changed: {'; '.join(changed)}. The run goes on, "
        "but its numbers need not be, bit for bit, those of a run without this change."
    ]


def _to_json(value: Any) -> Any:
    """JSON values of `value`; NumPy scalars become numbers, NaN and infinity null."""
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
