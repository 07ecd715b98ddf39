"""A run's directory: its lock, its record, its metrics.

    run.json        see `run_record`
    metrics.jsonl   see `metrics_file`
    checkpoints/    see `checkpoint`
    LOCK            held by the process that trains here

The same command on the same directory resumes the run; settings that would make it
another run are refused.
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
    """A run's directory while this process holds its lock; from `open_workdir`.

    Append the metrics of a checkpoint's step, and flush them, before saving the
    checkpoint: a run that resumes from it keeps them. `warnings` tell the user what has
    changed since the last start.
    """

    def __init__(self, path: str, record: dict[str, Any], warnings: list[str]):
        self.path = path
        self.checkpoints_dir = run_record.get_checkpoints_dir(path)
        self.warnings = warnings
        self._record = record
        self.is_begun = False
        self.metrics = MetricsFile(os.path.join(path, run_record.METRICS_NAME))

    @property
    def saved_step(self) -> int | None:
        """Step of the newest checkpoint in the record; None before the first."""
        saved_step: int | None = self._record["saved_step"]
        return saved_step

    def begin(
        self, step: int, saved_step: int | None = None, metrics_lines: int | None = None
    ) -> None:
        """Adds this start to the record and rewinds the metrics to `step`.

        Call it once, before the first training step. Nothing but the lock is written
        earlier, and `open_workdir` removes that if the start fails. Drops metrics of
        later steps, which will be repeated, and a truncated last line. `warnings`
        reports missing lines. `saved_step` is that of the checkpoint that the run
        resumes from, and `metrics_lines` the number of lines when that was saved, or
        None if unknown.

        Raises:
          DataError: if `metrics.jsonl` has an unreadable line that is not its last.
          StorageError: if the directory cannot be written.
        """
        self.warnings += self.metrics.rewind(step, metrics_lines)
        self.is_begun = True
        self._record["starts"][-1]["from_step"] = step
        self._record["saved_step"] = saved_step
        self._write_record()

    def record_checkpoint(self, step: int) -> None:
        """Records that the checkpoint of `step` is on disk.

        Call it after saving, so that the record never names an incomplete checkpoint. A
        kill between the two leaves an older step in the record, which the next start
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
    """Locks a run's directory, new or existing, for this process.

    Call `begin` on the directory next. `info` is the rest of this start's entry in the
    record. If the start ends before that, in an error, directories and lock that it
    made are removed again.

    Raises:
      UserError: if the directory holds something other than a run, or a run with other
        settings or data, which the message lists.
      DataError: if its record is damaged.
      InUseError: if another process holds it.
      StorageError: if it cannot be written.
    """
    nearest, lock = files.find_nearest(path), os.path.join(path, locks.LOCK_NAME)
    was_locked, run = os.path.lexists(lock), None
    try:
        files.make_directory(path)
        run_record.refuse_foreign(path, "run", run_record.RECORD_NAME, set())
        with locks.directory_lock(path, "alexnet-train"):
            try:
                run = _read_run(path, config, info)
                yield run
            finally:
                if not was_locked and not (run and run.is_begun):
                    with contextlib.suppress(OSError):
                        files.remove(lock)
    finally:
        if not (run and run.is_begun):
            files.remove_empty_directories(path, nearest)


def _read_run(path: str, config: Config, info: run_record.RunInfo) -> Workdir:
    """The directory, for a start that is not yet begun; raises as `open_workdir`."""
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
        old_config, config = _check_same_run(path, record, config, info)
        record["saved_step"] = run_record.get_saved_step(path, record)
        old, new = overrides.to_dict(old_config), overrides.to_dict(config)
        if changes := {k: [old[k], new[k]] for k in new if old[k] != new[k]}:
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
    return Workdir(path, record, warnings)


def check_workdir(
    path: str, config: Config, info: run_record.RunInfo
) -> dict[str, Any] | None:
    """Checks that `open_workdir` would accept the directory, which may be missing.

    Changes nothing. Returns the record of the run in it, or None if there is none.
    Raises `UserError`, `DataError`, `InUseError`, `StorageError` as `open_workdir`.
    """
    files.check_directory(path)
    if not os.path.isdir(path):
        return None
    run_record.refuse_foreign(path, "run", run_record.RECORD_NAME, set())
    locks.check_lock(path)
    record = run_record.find_record(path)
    if record is not None:
        _check_same_run(path, record, config, info)
    return record


def _check_same_run(
    path: str, record: Mapping[str, Any], config: Config, info: run_record.RunInfo
) -> tuple[Config, Config]:
    """Raises `UserError` unless the start continues the recorded run.

    Returns the old settings and those of this start.
    """
    old_data = record["data"]
    if old_data["fingerprint"] == run_record.UNKNOWN_DATA:
        raise errors.UserError(
            f"{path} holds imported weights, trained elsewhere on "
            f"{old_data['data_dir']}. To train from them, use another workdir with "
            f"--config.init_from={path}."
        )
    old_config = run_record.read_settings(path, record)
    config = overrides.override(config, overrides.list_earlier(old_config))
    if differences := run_record.list_differences(old_config, config):
        raise errors.UserError(
            f"{path} holds a run of other settings:{''.join(differences)}\nUse another "
            "workdir for this run, or resume the existing run with its own settings."
        )
    if old_data["fingerprint"] != info.data_fingerprint:
        raise errors.UserError(
            f"{path} holds a run on other data: {old_data['data_dir']} had the "
            f"fingerprint {old_data['fingerprint']}, {info.data_dir} has "
            f"{info.data_fingerprint}. Use another workdir, or give that run's data."
        )
    return old_config, config


def _compare_environments(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    changed = [
        f"{name} {old.get(name)} -> {new.get(name)}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    if not changed:
        return []
    return [
        f"the environment has changed since the last start: {'; '.join(changed)}. The "
        "run resumes, but its results may differ from those of a run without this "
        "change."
    ]
