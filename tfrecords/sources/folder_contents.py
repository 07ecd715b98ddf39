"""Says what a folder holds, for errors about folders that hold something else."""

from __future__ import annotations

import collections
import os
from typing import NoReturn

from tfrecords import errors
from tfrecords.console import printing
from tfrecords.durable import files
from tfrecords.images import listing
from tfrecords.plurals import counted

_MAX_NAMED = 4


def describe(directory: str) -> str:
    """What is directly in a folder: "12 .avi files and 2 folders (a, b)".

    Raises `DataError` or `StorageError` if it cannot be read.
    """
    with files.read_errors(directory):
        found = listing.list_directory(directory)
    suffixes = collections.Counter(
        os.path.splitext(name)[1].lower() for name in found.files
    )
    parts = [
        counted(count, f"{suffix or 'other'} file")
        for suffix, count in suffixes.most_common(_MAX_NAMED)
    ]
    if num_others := len(found.files) - sum(
        count for _, count in suffixes.most_common(_MAX_NAMED)
    ):
        parts.append(counted(num_others, "further file"))
    folders = found.directories
    if folders:
        shown = ", ".join(map(printing.escape, folders[:_MAX_NAMED]))
        more = ", ..." if len(folders) > _MAX_NAMED else ""
        parts.append(f"{counted(len(folders), 'folder')} ({shown}{more})")
    if not parts:
        return "nothing"
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def refuse(directory: str, expected: str) -> NoReturn:
    """Raises `UserError`: the folder lacks what is `expected`, and holds other things.

    `expected` completes "... has no": "file train-00000-of-*.parquet".
    """
    raise errors.UserError(
        f"{directory} has no {expected}; it holds {describe(directory)}. Set "
        "--source_dir to the right folder, or try --source=auto, which finds out what "
        "a folder holds."
    )
