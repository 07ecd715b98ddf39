"""One run's directory: its lock, its lab record, its metrics.

    run.json        see `run_record`
    metrics.jsonl   see `metrics_file`
    checkpoints/    see `checkpoint`
    LOCK            held by the process that trains here

A run is continued by the same command on the same directory; settings that would
make it another run are refused.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator, Mapping
from typing import Any

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.runs import run_record
from alexnet_tf.runs.metrics_file import MetricsFile
from tfrecords import errors
from tfrecords.durable import files, locks


class Workdir:
    """A run's directory while this process holds it; made by `open_workdir`.

    Attributes:
      path: the directory.
      checkpoints_dir: where its checkpoints are.
      warnings: sentences for the user, about what changed since the last start.
    """

    def __init__(self, path: str, record: dict[str, Any], warnings: list[str]):
        self.path = path
        self.checkpoints_dir = os.path.join(path, run_record.CHECKPOINTS_NAME)
        self.warnings = warnings
        self._record = record
        self._metrics = MetricsFile(os.path.join(path, run_record.METRICS_NAME))

    @property
    def saved_step(self) -> int | None:
        """Of the newest checkpoint that the record knows; None before the first."""
        return self._record["saved_step"]

    def begin(
        self,
        step: int,
        saved_step: int | None = None,
        metrics_lines: int | None = None,
    ) -> None:
        """Writes this start into the record and takes the metrics back to `step`.

        Nothing but the lock is written before, so that a start that fails early
        leaves an empty directory empty. To be called once, before the first training
        step. Lines of steps after `step`, which will be measured again, are dropped,
        and so is a last line that a kill cut short. `warnings` says what is missing.

        Args:
          step: from which the run goes on; 0 at its beginning.
          saved_step: of the checkpoint that it goes on from; None where there is none.
          metrics_lines: of the metrics when that was saved; None where it is unknown.

        Raises:
          DataError: if `metrics.jsonl` has an unreadable line that is not its last.
          StorageError: if the directory cannot be written.
        """
        self.warnings += self._metrics.rewind(step, metrics_lines)
        self._record["starts"][-1]["from_step"] = step
        self._record["saved_step"] = saved_step
        self._write_record()

    def append_metrics(self, values: Mapping[str, Any]) -> None:
        """Adds a line to the metrics, see `metrics_file.MetricsFile.append`.

        What belongs to a checkpoint's step is appended before that checkpoint is
        saved: lines of its step are kept when the run goes on from there.
        """
        self._metrics.append(values)

    def sync_metrics(self) -> int:
        """Flushes the metrics to the disk before a checkpoint; returns their lines."""
        return self._metrics.sync()

    def record_checkpoint(self, step: int) -> None:
        """Records that the checkpoint of `step` is on the disk.

        After the checkpoint, so that the record never names one that was not finished.
        A kill between the two leaves an older step in the record, which the next start
        corrects. Raises `StorageError`.
        """
        if self._record["saved_step"] != step:
            self._record["saved_step"] = step
            self._write_record()

    def _write_record(self) -> None:
        files.write_json(os.path.join(self.path, run_record.RECORD_NAME), self._record)


@contextlib.contextmanager
def open_workdir(
    path: str, config: Config, info: run_record.RunInfo
) -> Iterator[Workdir]:
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
    files.make_directory(path)
    _refuse_foreign(path)
    with locks.directory_lock(path, "alexnet-train"):
        files.remove_temporary_files(path)
        record = run_record.find_record(path)
        warnings = []
        start = {
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(
                timespec="seconds"
            ),
            "command": [os.path.basename(info.command[0]), *info.command[1:]],
            "environment": dict(info.environment),
        }
        if info.precision:
            start["precision"] = dict(info.precision)
        if info.weights:
            start["weights"] = dict(info.weights)
        if record is None:
            record = {
                "format": run_record.FORMAT_NAME,
                "version": run_record.FORMAT_VERSION,
                "starts": [],
                "saved_step": None,
            }
        else:
            _refuse_imported(path, record["data"])
            old_config = run_record.read_settings(path, record)
            _refuse_other_run(path, old_config, config)
            _refuse_other_data(path, record["data"], info)
            record["saved_step"] = run_record.get_saved_step(path, record)
            changes = _find_changes(overrides.to_dict(old_config), config)
            if changes:
                start["changed_settings"] = changes
            warnings += _compare_environments(
                record["starts"][-1]["environment"], info.environment
            )
        record["data"] = {
            "data_dir": info.data_dir,
            "fingerprint": info.data_fingerprint,
        }
        record["config"] = overrides.to_dict(config)
        record["starts"].append(start)
        yield Workdir(path, record, warnings)


def check_workdir(
    path: str, config: Config, info: run_record.RunInfo
) -> dict[str, Any] | None:
    """Looks whether `open_workdir` would take the directory; changes nothing.

    Args:
      path: the directory; it may be missing.
      config: the run's settings.
      info: as of `open_workdir`.

    Returns:
      The record of the run in it; None where there is none.

    Raises:
      UserError, DataError, InUseError, StorageError: as `open_workdir`.
    """
    files.check_directory(path)
    if not os.path.isdir(path):
        return None
    _refuse_foreign(path)
    locks.check_lock(path)
    record = run_record.find_record(path)
    if record is None:
        return None
    _refuse_imported(path, record["data"])
    _refuse_other_run(path, run_record.read_settings(path, record), config)
    _refuse_other_data(path, record["data"], info)
    return record


def _refuse_foreign(path: str) -> None:
    """Before the lock: a directory of something else is not even locked."""
    with files.storage_errors(path):
        names = {n for n in os.listdir(path) if files.TEMPORARY_MARK not in n}
    if run_record.RECORD_NAME not in names and (
        foreign := sorted(names - {locks.LOCK_NAME})
    ):
        listed = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
        raise errors.UserError(
            f"{path} is not empty and holds no run (there is no "
            f"{run_record.RECORD_NAME}, but {listed}). Choose a new or an empty "
            "directory as workdir."
        )


def _refuse_imported(path: str, old: Mapping[str, Any]) -> None:
    if old["fingerprint"] == run_record.UNKNOWN_DATA:
        raise errors.UserError(
            f"{path} holds weights that were trained elsewhere, on {old['data_dir']}. "
            f"Train on from them in another workdir, with --config.init_from={path}."
        )


def _refuse_other_run(path: str, old: Config, new: Config) -> None:
    differences = overrides.find_differences(old, new)
    if differences:
        listed = "".join(
            f"\n  config.{name}: {before!r} there, {after!r} now"
            for name, before, after in differences
        )
        raise errors.UserError(
            f"{path} holds a run of other settings:{listed}\nChoose another workdir "
            "for this run, or give the settings of the one there to continue it."
        )


def _refuse_other_data(
    path: str, old: Mapping[str, Any], info: run_record.RunInfo
) -> None:
    if old["fingerprint"] != info.data_fingerprint:
        raise errors.UserError(
            f"{path} holds a run on other data: {old['data_dir']} had the fingerprint "
            f"{old['fingerprint']}, {info.data_dir} has {info.data_fingerprint}. "
            "Choose another workdir, or give the data of the run there."
        )


def _find_changes(old: Mapping[str, Any], config: Config) -> dict[str, list[Any]]:
    """Name -> [old, new] of settings with which a run may be continued otherwise."""
    new = overrides.to_dict(config)
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
