"""Checkpoints: written atomically, verified when read.

A checkpoint is a directory, see `checkpoint_files`. It is written under a temporary
name, flushed to disk and renamed. A kill or a power failure at any moment leaves either
the new checkpoint or the previous ones.

Only the process that holds the run's lock calls `save` and `load_latest`; others may
read with `load` at any time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from alexnet_tf.runs import checkpoint_files
from alexnet_tf.runs.checkpoint_files import BAD, REPLACED, Checkpoint, DamagedError
from tfrecords import errors
from tfrecords.durable import files, npz

# Attempts to read while training deletes or replaces checkpoints.
_MAX_ATTEMPTS = 10
_SECONDS_BETWEEN_ATTEMPTS = 0.02


def save(
    directory: str,
    step: int,
    arrays: Mapping[str, np.ndarray],
    state: Mapping[str, Any],
    *,
    keep: int,
    best_step: int | None = None,
) -> str:
    """Writes a checkpoint, then deletes those no longer needed; returns its directory.

    It keeps the new one, the `keep` newest (at least 1) and that of `best_step`, which
    is recorded inside the checkpoint to be equally durable; a caller with a new best
    step saves a checkpoint at that step. A checkpoint of the same step is replaced.

    The directory is made if missing. Arrays have any shape and a numeric NumPy dtype;
    their names may contain slashes. The state is JSON values. Raises `StorageError` if
    the disk is full, read-only or failing; existing checkpoints stay intact.
    """
    for name, array in arrays.items():
        # The file format lacks bfloat16 and the like: they would be read back as raw
        # bytes.
        if np.asarray(array).dtype.kind not in "biufc":
            raise ValueError(f"{name}: a {np.asarray(array).dtype} cannot be saved")
    files.make_directory(directory)
    path = os.path.join(directory, checkpoint_files.make_name(step))
    with files.atomic_directory(path) as temporary:
        with open(os.path.join(temporary, checkpoint_files.ARRAYS_NAME), "wb") as file:
            npz.write(file, arrays)
        record = {"step": step, "best_step": best_step, "state": dict(state)}
        with open(os.path.join(temporary, checkpoint_files.STATE_NAME), "wb") as file:
            file.write((json.dumps(record, indent=1) + "\n").encode())
        with open(os.path.join(temporary, checkpoint_files.COMMIT_NAME), "wb") as file:
            file.write(checkpoint_files.make_commit(temporary, step))
        if os.path.lexists(path):
            _discard(path + REPLACED)
            os.rename(path, path + REPLACED)
    _delete_unwanted(directory, step, keep, best_step)
    return path


def load_latest(
    directory: str, saved_step: int | None = None, *, read_only: bool = False
) -> Checkpoint | None:
    """Loads the newest intact checkpoint; only for the process that writes here.

    A damaged checkpoint is renamed (`ckpt-00001234.bad`), reported in `warnings`, and
    the one before it is tried. Leftovers of killed writers are removed. With
    `read_only`, for a dry run, nothing is renamed or removed. If the checkpoint of
    `saved_step`, the newest in the run's record, is missing, an older one is used and
    `warnings` says so. None means that none was ever completed.

    Raises:
      DataError: if all checkpoints are damaged, or one was saved and none is left;
        silently starting from step 0 would be wrong.
    """
    warnings: list[str] = []
    passed_over: set[str] = set()
    if not read_only and os.path.isdir(directory):
        with files.storage_errors(directory):
            files.remove_temporary_files(directory)
    while found := checkpoint_files.find(directory, passed_over):
        step = max(found)
        try:
            loaded = checkpoint_files.read(found[step], step)
        except DamagedError as error:
            new_name = "left unchanged"
            if read_only:
                passed_over.add(found[step])
            else:
                with files.storage_errors(found[step]):
                    new_name = f"now {os.path.basename(_quarantine(found[step]))}"
            warnings.append(
                f"{found[step]} is damaged ({error}); it is {new_name}, and the "
                "previous checkpoint is used."
            )
        else:
            newest = checkpoint_files.make_name(saved_step or 0)
            is_reported = any(newest in warning for warning in warnings)
            if step < (saved_step or 0) and not is_reported:
                warnings.append(
                    f"the newest checkpoint, of step {saved_step}, is missing in "
                    f"{directory}: the run resumes from step {step}."
                )
            return dataclasses.replace(loaded, warnings=tuple(warnings))
    bad_names = _list_bad(directory)
    bad_names += map(os.path.basename, sorted(passed_over))
    if bad_names:
        raise errors.DataError(
            f"all checkpoints in {directory} are damaged ({', '.join(bad_names)}). "
            "Restore one from a copy under its original name, or start again in "
            "another workdir." + "".join(f"\n{warning}" for warning in warnings)
        )
    if saved_step is not None:
        raise errors.DataError(
            f"{directory} holds no checkpoint, though one of step {saved_step} was "
            "saved. Restore a checkpoint from a copy to resume, or start again in "
            "another workdir. Nothing was changed."
        )
    return None


def load(directory: str, which: str | int) -> Checkpoint:
    """Reads one checkpoint and changes nothing; for evaluation, export and the like.

    Training may continue meanwhile: if it deletes or replaces the checkpoint that is
    being read, the search starts again. `which` is "last", "best" (lowest validation
    error, as recorded in the last one), or a step.

    Raises:
      UserError: if there is no such checkpoint; the message lists the existing ones.
      DataError: if it is damaged.
    """
    for attempt in range(_MAX_ATTEMPTS):
        try:
            return _load(directory, which)
        except _ReplacedError as error:
            reason = error
            time.sleep(attempt * _SECONDS_BETWEEN_ATTEMPTS)
    raise errors.DataError(
        f"training replaces the checkpoints in {directory} faster than they can be "
        f"read ({reason}). Try again, or keep more: --config.keep_checkpoints."
    )


def _load(directory: str, which: str | int) -> Checkpoint:
    found = checkpoint_files.find(directory)
    if not found and (bad_names := _list_bad(directory)):
        raise errors.DataError(
            f"all checkpoints in {directory} are damaged ({', '.join(bad_names)}). "
            "Restore one from a copy under its original name."
        )
    if not found:
        raise errors.UserError(
            f"{directory} holds no checkpoint: nothing was trained, or the checkpoints "
            "were removed. Train first, or restore one from a copy."
        )
    steps = ", ".join(str(step) for step in sorted(found))
    if which in ("last", "best"):
        step = max(found)
    elif str(which).isdecimal():
        step = int(which)
    else:
        raise errors.UserError(
            f"a checkpoint must be 'last', 'best' or one of the steps {steps}; "
            f"{which!r} is not."
        )
    wanted = _load_step(found, step, directory)
    if which != "best" or wanted.best_step == step:
        return wanted
    if wanted.best_step is None:
        raise errors.UserError(
            f"no checkpoint in {directory} has been evaluated yet, so there is no "
            f"'best'; use 'last' or one of the steps {steps}."
        )
    return _load_step(found, wanted.best_step, directory)


def _load_step(found: Mapping[int, str], step: int, directory: str) -> Checkpoint:
    steps = ", ".join(str(step) for step in sorted(found))
    if step not in found:
        raise errors.UserError(
            f"{directory} has no checkpoint of step {step}; the steps are {steps}."
        )
    path = found[step]
    identity = _identify(path)
    try:
        return checkpoint_files.read(path, step)
    except DamagedError as error:
        if identity is None or identity != _identify(path):
            raise _ReplacedError(str(error)) from error
        raise errors.DataError(
            f"{path} is damaged ({error}). The steps are {steps}."
        ) from error


def _list_bad(directory: str) -> list[str]:
    """The names of checkpoints that were found damaged and renamed."""
    names = checkpoint_files.list_names(directory)
    return [name for name in names if name.startswith("ckpt-") and BAD in name]


def _identify(path: str) -> tuple[int, ...] | None:
    """Identifies a directory even if another takes its name; None if it is gone."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    # The inode number alone could be reused after a deletion.
    return status.st_ino, status.st_ctime_ns


class _ReplacedError(Exception):
    """A checkpoint was deleted or replaced while it was being read."""


def _delete_unwanted(
    directory: str, step: int, keep: int, best_step: int | None
) -> None:
    with files.storage_errors(directory):
        found = checkpoint_files.find(directory)
        wanted = {step, best_step, *sorted(found)[-keep:]}
        for name in checkpoint_files.list_names(directory):
            match = checkpoint_files.NAME.fullmatch(name)
            path = os.path.join(directory, name)
            if not match or int(match[1]) not in found:
                continue
            if int(match[1]) not in wanted or path != found[int(match[1])]:
                _discard(path)
        files.fsync_directory(directory)


def _discard(path: str) -> None:
    """Deletes a checkpoint; a kill midway leaves nothing that passes for one."""
    parent, name = os.path.split(path)
    temporary = os.path.join(
        parent, f".{name}.deleted{files.TEMPORARY_MARK}{os.getpid()}"
    )
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, temporary)
        files.remove(temporary)


def _quarantine(path: str) -> str:
    bad_path, number = path + BAD, 1
    while os.path.lexists(bad_path):
        number += 1
        bad_path = f"{path}{BAD}-{number}"
    os.rename(path, bad_path)
    files.fsync_directory(os.path.dirname(path))
    return bad_path
