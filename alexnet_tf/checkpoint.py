"""The whole state of a run: committed atomically, checked when read.

A checkpoint is a directory:

    ckpt-00001234/      the step, eight digits or more
      arrays.npz          weights, velocity, random state: name -> array
      state.json          step, best_step, and `state`: the rest, as JSON
      COMMIT              SHA-256 of the two

It is written under a temporary name, flushed to the disk and renamed, so that a kill
or a power cut at any moment leaves the new checkpoint or the ones before it. Reading
compares every byte with COMMIT. Nothing here knows of TensorFlow or unpickles.

One process writes (it holds the run's lock) and calls `save` and `load_latest`;
others may read with `load` at any time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfrecords import durable, errors, npz

ARRAYS_NAME = "arrays.npz"
STATE_NAME = "state.json"
COMMIT_NAME = "COMMIT"
FORMAT_NAME = "alexnet-checkpoint"
FORMAT_VERSION = 1

# The checkpoint that another of the same step is replacing: read where the newer one
# is missing, so that a kill between the two renames loses nothing.
_REPLACED = ".previous"
_BAD = ".bad"
_NAME = re.compile(r"ckpt-(\d{8,})(\.previous)?")
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and is as it was written.

    Attributes:
      step: training steps done.
      arrays: name -> array.
      state: the JSON-able rest.
      best_step: step of the checkpoint with the best validation error when this one
        was written; None if none had been evaluated.
      path: its directory.
      warnings: sentences for the user: damaged checkpoints that were passed over.
    """

    step: int
    arrays: dict[str, np.ndarray]
    state: dict[str, Any]
    best_step: int | None
    path: str
    warnings: tuple[str, ...] = ()


def make_name(step: int) -> str:
    """The directory's name: `ckpt-00001234` for step 1234."""
    return f"ckpt-{step:08d}"


def save(
    directory: str,
    step: int,
    arrays: Mapping[str, np.ndarray],
    state: Mapping[str, Any],
    *,
    keep: int,
    best_step: int | None = None,
) -> str:
    """Writes a checkpoint, then deletes those no longer wanted.

    There remain the one written, the `keep` newest and the one of `best_step`. That
    step is recorded inside the checkpoint, so that it is as durable as the rest;
    whoever names a new best step saves a checkpoint at it. A checkpoint of the same
    step is replaced.

    Args:
      directory: the run's checkpoints; made if missing.
      step: training steps done, at least 0.
      arrays: name -> array of one of NumPy's own numeric dtypes, any shape; names may
        hold slashes.
      state: JSON values.
      keep: newest checkpoints to keep, at least 1.
      best_step: step with the best validation error so far; may be `step`.

    Returns:
      The checkpoint's directory.

    Raises:
      StorageError: if the disk is full, read-only or failing; the checkpoints there
        are intact.
    """
    for name, array in arrays.items():
        # bfloat16 and its like are foreign to the file format: they would be written
        # as nameless bytes and read back as such.
        if np.asarray(array).dtype.kind not in "biufc":
            raise ValueError(f"{name}: a {np.asarray(array).dtype} can't be saved")
    durable.make_directory(directory)
    path = os.path.join(directory, make_name(step))
    with durable.atomic_directory(path) as temporary:
        with open(os.path.join(temporary, ARRAYS_NAME), "wb") as file:
            npz.write(file, arrays)
        record = {"step": step, "best_step": best_step, "state": dict(state)}
        with open(os.path.join(temporary, STATE_NAME), "wb") as file:
            file.write((json.dumps(record, indent=1) + "\n").encode())
        with open(os.path.join(temporary, COMMIT_NAME), "wb") as file:
            file.write(_make_commit(temporary, step))
        if os.path.lexists(path):
            _discard(path + _REPLACED)
            os.rename(path, path + _REPLACED)
    _delete_unwanted(directory, step, keep, best_step)
    return path


def load_latest(directory: str) -> Checkpoint | None:
    """The newest checkpoint that is whole; for the process that writes here.

    A damaged one is renamed (`ckpt-00001234.bad`), said so in `warnings`, and the one
    before it is tried. What killed writers left is removed.

    Returns:
      The checkpoint, or None where none has ever been finished.

    Raises:
      DataError: if there are checkpoints and none is whole: to start from the
        beginning in silence would be wrong.
    """
    if not os.path.isdir(directory):
        return None
    with durable.storage_errors(directory):
        durable.remove_temporary_files(directory)
    warnings = []
    while found := _find(directory):
        step = max(found)
        try:
            loaded = _read(found[step], step)
        except _DamagedError as error:
            with durable.storage_errors(found[step]):
                bad_path = _quarantine(found[step])
            warnings.append(
                f"{found[step]} is damaged ({error}); it is now "
                f"{os.path.basename(bad_path)}, and the checkpoint before it is used."
            )
        else:
            return dataclasses.replace(loaded, warnings=tuple(warnings))
    bad_names = sorted(
        n for n in os.listdir(directory) if n.startswith("ckpt-") and _BAD in n
    )
    if bad_names:
        raise errors.DataError(
            f"none of the checkpoints in {directory} is whole ({', '.join(bad_names)}"
            "). Restore one from a copy and give it its name back, or start again in "
            "another workdir." + "".join(f"\n{warning}" for warning in warnings)
        )
    return None


def load(directory: str, which: str | int) -> Checkpoint:
    """Reads one checkpoint and changes nothing; for evaluation, export and the like.

    Args:
      directory: a run's checkpoints.
      which: "last", "best" (by validation error, as the last one records it), or a
        step.

    Raises:
      UserError: if there is no such checkpoint; the message lists those there are.
      DataError: if it is damaged.
    """
    found = _find(directory) if os.path.isdir(directory) else {}
    if not found:
        raise errors.UserError(f"{directory} holds no checkpoint: nothing was trained.")
    steps = ", ".join(str(step) for step in sorted(found))
    if which in ("last", "best"):
        step = max(found)
    elif str(which).isdecimal():
        step = int(which)
    else:
        raise errors.UserError(
            f"a checkpoint is 'last', 'best' or a step, one of {steps}; {which!r} is "
            "not."
        )
    wanted = _load_step(found, step, directory)
    if which != "best" or wanted.best_step == step:
        return wanted
    if wanted.best_step is None:
        raise errors.UserError(
            f"no checkpoint in {directory} has been evaluated yet, so that none is the "
            f"best; there are 'last' and the steps {steps}."
        )
    return _load_step(found, wanted.best_step, directory)


def _load_step(found: Mapping[int, str], step: int, directory: str) -> Checkpoint:
    steps = ", ".join(str(step) for step in sorted(found))
    if step not in found:
        raise errors.UserError(
            f"{directory} has no checkpoint of step {step}; the steps are {steps}."
        )
    try:
        return _read(found[step], step)
    except _DamagedError as error:
        raise errors.DataError(
            f"{found[step]} is damaged ({error}), or training deleted it meanwhile. "
            f"There are the steps {steps}."
        ) from error


class _DamagedError(Exception):
    """A checkpoint that is not as it was written; the message says in what."""


def _read(path: str, step: int) -> Checkpoint:
    """Reads the checkpoint of `step` at `path`, every byte compared with COMMIT."""
    try:
        with open(os.path.join(path, COMMIT_NAME), "rb") as file:
            commit = file.read()
        # COMMIT is compared whole: there is no byte of it that a fault may change.
        if commit != _make_commit(path, step):
            raise _DamagedError(f"its files do not match {COMMIT_NAME}")
        with open(os.path.join(path, STATE_NAME), "rb") as file:
            record = json.load(file)
        arrays = npz.load(os.path.join(path, ARRAYS_NAME))
    except OSError as error:
        if error.errno in _OUT_OF_RESOURCES:
            raise
        raise _DamagedError(str(error)) from error
    return Checkpoint(step, arrays, record["state"], record["best_step"], path)


def _make_commit(path: str, step: int) -> bytes:
    """What COMMIT must say of the files that are at `path`."""
    digests = {
        name: durable.compute_digest(os.path.join(path, name))
        for name in (ARRAYS_NAME, STATE_NAME)
    }
    value = {
        "format": FORMAT_NAME,
        "version": FORMAT_VERSION,
        "step": step,
        "sha256": digests,
    }
    return (json.dumps(value, indent=1) + "\n").encode()


def _find(directory: str) -> dict[int, str]:
    """Step -> path of every finished checkpoint, a replaced one only in need."""
    found: dict[int, str] = {}
    for name in sorted(os.listdir(directory), reverse=True):
        path = os.path.join(directory, name)
        match = _NAME.fullmatch(name)
        if match and os.path.isdir(path):
            step = int(match[1])
            if name == make_name(step) + (match[2] or ""):
                # Reversed order: `ckpt-N` comes after `ckpt-N.previous` and wins.
                found[step] = path
    return found


def _delete_unwanted(
    directory: str, step: int, keep: int, best_step: int | None
) -> None:
    with durable.storage_errors(directory):
        found = _find(directory)
        wanted = {step, best_step, *sorted(found)[-keep:]}
        for name in sorted(os.listdir(directory)):
            match = _NAME.fullmatch(name)
            path = os.path.join(directory, name)
            if not match or int(match[1]) not in found:
                continue
            if int(match[1]) not in wanted or path != found[int(match[1])]:
                _discard(path)
        durable.fsync_directory(directory)


def _discard(path: str) -> None:
    """Deletes a checkpoint; a kill on the way leaves nothing that could be read."""
    parent, name = os.path.split(path)
    temporary = os.path.join(
        parent, f".{name}.deleted{durable.TEMPORARY_MARK}{os.getpid()}"
    )
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, temporary)
        durable.remove(temporary)


def _quarantine(path: str) -> str:
    bad_path, number = path + _BAD, 1
    while os.path.lexists(bad_path):
        number += 1
        bad_path = f"{path}{_BAD}-{number}"
    os.rename(path, bad_path)
    durable.fsync_directory(os.path.dirname(path))
    return bad_path
