"""A directory of numbered versions, 1, 2, ..., each written whole or not at all.

Several processes may write into one directory: each fills a temporary directory of
its own, and takes the next free number when that is complete. The kernel frees the
lock on a temporary directory when its writer dies; the next writer removes it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import itertools
import os
import shutil
from collections.abc import Iterator

from tfrecords.durable import files


@dataclasses.dataclass
class NewVersion:
    """A version while it is written, and after.

    Attributes:
      temporary: the directory to write into.
      path: its final one, `directory/<number>`; "" until it is complete.
    """

    temporary: str
    path: str = ""


def list_versions(directory: str) -> list[int]:
    """The versions in `directory`, ascending.

    Raises:
      DataError: where it is no directory.
      StorageError: where it cannot be read.
    """
    with files.read_errors(directory):
        return sorted(int(name) for name in os.listdir(directory) if name.isdecimal())


@contextlib.contextmanager
def write_version(directory: str) -> Iterator[NewVersion]:
    """Fills the next version in `directory`, which is made if missing.

    Raises:
      UserError: where `directory` cannot be a directory.
      StorageError: where the disk is full, read-only, forbidden or failing. Nothing
        is left behind.
    """
    files.make_directory(directory)
    _remove_abandoned(directory)
    with files.storage_errors(os.path.join(directory, "a new version")):
        temporary, descriptor = _make_locked(directory)
        version = NewVersion(temporary)
        try:
            yield version
            files.fsync_tree(version.temporary)
            version.path = _publish(version.temporary, directory)
        except BaseException:
            shutil.rmtree(version.temporary, ignore_errors=True)
            raise
        finally:
            os.close(descriptor)
        files.fsync_directory(directory)


def _publish(temporary: str, directory: str) -> str:
    while True:
        number = max(list_versions(directory), default=0) + 1
        path = os.path.join(directory, str(number))
        try:
            # A directory with something in it is never replaced.
            os.rename(temporary, path)
            return path
        except OSError as error:
            # Another writer was faster: the next number.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise


def _make_locked(directory: str) -> tuple[str, int]:
    # A new temporary directory and what holds its lock: an open descriptor.
    name = files.make_temporary_name(os.path.join(directory, "new"))
    for attempt in itertools.count():
        path = f"{name}-{attempt}"
        try:
            os.mkdir(path)
        except FileExistsError:
            # One of another machine's processes may have the same number.
            continue
        # Before it is locked, another writer may take it for abandoned.
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            # Network file systems may not lock directories: then nobody removes it.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.isdir(path):
                return path, descriptor
            os.close(descriptor)
    raise AssertionError("itertools.count does not end")


def _remove_abandoned(directory: str) -> None:
    # Temporary directories whose writers are dead.
    with files.read_errors(directory):
        names = os.listdir(directory)
    for name in names:
        if files.TEMPORARY_MARK not in name:
            continue
        path = os.path.join(directory, name)
        # What cannot be locked has a living writer, or is another user's.
        with contextlib.suppress(OSError):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            descriptor = os.open(path, flags)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(descriptor)
