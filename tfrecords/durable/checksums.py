"""The SHA-256 sums of a directory's files, in a list that `sha256sum -c` reads."""

from __future__ import annotations

import hashlib
import os
import re

from tfrecords import errors
from tfrecords.durable import files

NAME = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64})  ([^/\\].*)")


def make_list(directory: str) -> str:
    """A line "<sum>  <path in `directory`>" for every file except such lists.

    The order is fixed: the files of a directory by name, then those of its
    sub-directories by name.
    """
    lines = []
    for folder, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            if name != NAME:
                path = os.path.join(folder, name)
                relative = os.path.relpath(path, directory)
                lines.append(f"{files.compute_digest(path)}  {relative}\n")
    return "".join(lines)


def compute_digest(directory: str) -> str:
    """SHA-256 of `make_list(directory)`: one digest for all its files."""
    return hashlib.sha256(make_list(directory).encode()).hexdigest()


def check(directory: str, list_path: str) -> None:
    """Compares the files in `directory` with a list made by `make_list`.

    Files that the list does not name are ignored.

    Raises:
      DataError: naming the first file that is missing or has another sum, or the list
        if it is damaged.
      StorageError: if a file cannot be read.
    """
    with files.read_errors(list_path), open(list_path, "rb") as file:
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    if not lines:
        raise _make_error(list_path, "is empty")
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None:
            fault = f"is damaged: line {number} is not a checksum"
            raise _make_error(list_path, fault)
        path = os.path.join(directory, match[2])
        # Only regular files are opened: opening a pipe would block.
        if not os.path.isfile(path):
            raise _make_error(path, "is missing")
        with files.read_errors(path):
            digest = files.compute_digest(path)
        if digest != match[1]:
            fault = f"is damaged: its SHA-256 is not that in {list_path}"
            raise _make_error(path, fault)


def _make_error(path: str, fault: str) -> errors.DataError:
    return errors.DataError(
        f"{path} {fault}. Restore it from a copy, or make the directory again."
    )
