"""The files of a checkpoint: names, content and verification.

    ckpt-00001234/      the step, eight digits or more
      arrays.npz          weights, velocity, random state: name -> array
      state.json          step, best_step, and `state`: the rest, as JSON
      COMMIT              SHA-256 of the two

Reading verifies every byte against COMMIT, without TensorFlow and without unpickling.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Collection
from typing import Any

import numpy as np

from tfrecords import errors, limits
from tfrecords.durable import files, json_records, npz

ARRAYS_NAME = "arrays.npz"
STATE_NAME = "state.json"
COMMIT_NAME = "COMMIT"
FORMAT_NAME = "alexnet-checkpoint"
FORMAT_VERSION = 1

# Suffix of a checkpoint that is being replaced by another of the same step. It is read
# if the newer one is missing, so that a kill between the two renames loses nothing.
REPLACED = ".previous"
BAD = ".bad"
NAME = re.compile(r"ckpt-(\d{8,})(\.previous)?")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and verified."""

    step: int  # training steps done
    arrays: dict[str, np.ndarray]  # by name
    state: dict[str, Any]  # the rest, as JSON values
    # Step of the checkpoint with the best validation error when this one was written;
    # None if none had been evaluated.
    best_step: int | None
    path: str  # its directory
    warnings: tuple[str, ...] = ()  # damaged checkpoints passed over, for the user

    def get_weights(self) -> dict[str, np.ndarray]:
        """The network's weights: "conv1a/kernel" -> array."""
        return {
            name.removeprefix("weights/"): array
            for name, array in self.arrays.items()
            if name.startswith("weights/")
        }


@dataclasses.dataclass(frozen=True)
class _StateFile:
    state: dict[str, Any]
    best_step: int | None


def make_name(step: int) -> str:
    """The directory's name: `ckpt-00001234` for step 1234."""
    return f"ckpt-{step:08d}"


class DamagedError(Exception):
    """A checkpoint differs from what was written; the message says where."""


def read(path: str, step: int) -> Checkpoint:
    """Reads the checkpoint of `step` at `path` and verifies it against COMMIT.

    Raises:
      DamagedError: if it is missing or differs from what was written.
      UserError: if there is too little memory or too few open files are allowed.
    """
    try:
        with open(os.path.join(path, COMMIT_NAME), "rb") as file:
            commit = file.read()
        # Compares all of COMMIT, so that a change to any of its bytes is detected.
        if commit != make_commit(path, step):
            raise DamagedError(f"its files do not match {COMMIT_NAME}")
        record = json_records.read(
            os.path.join(path, STATE_NAME), _StateFile, ignore_unknown=True
        )
        arrays = npz.load(os.path.join(path, ARRAYS_NAME))
    except (OSError, errors.DataError) as error:
        limits.refuse(error)
        raise DamagedError(str(error)) from error
    return Checkpoint(step, arrays, record.state, record.best_step, path)


def make_commit(path: str, step: int) -> bytes:
    """The content that COMMIT must have for the files at `path`."""
    digests = {
        name: files.compute_digest(os.path.join(path, name))
        for name in (ARRAYS_NAME, STATE_NAME)
    }
    value = {
        "format": FORMAT_NAME,
        "version": FORMAT_VERSION,
        "step": step,
        "sha256": digests,
    }
    return (json.dumps(value, indent=1) + "\n").encode()


def list_names(directory: str) -> list[str]:
    """The names in the directory, sorted; empty if there is no directory."""
    return sorted(os.listdir(directory)) if os.path.isdir(directory) else []


def find(directory: str, passed_over: Collection[str] = ()) -> dict[int, str]:
    """Step -> path of every complete checkpoint, except those passed over."""
    found: dict[int, str] = {}
    for name in reversed(list_names(directory)):
        path = os.path.join(directory, name)
        match = NAME.fullmatch(name)
        if match and path not in passed_over and os.path.isdir(path):
            step = int(match[1])
            if name == make_name(step) + (match[2] or ""):
                # Reversed order: `ckpt-N` comes after `ckpt-N.previous` and wins.
                found[step] = path
    return found
