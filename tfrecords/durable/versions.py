"""A directory of numbered versions, 1, 2, ..., each complete or absent.

Several processes may write versions at the same time: each fills a temporary directory
of its own, and takes the next free number when it is done. The kernel frees the lock on
a temporary directory when its writer dies; the next writer removes it.
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
    """A version, while it is being written and after."""

    temporary: str  # the directory to write into
    path: str = ""  # the final directory, `directory/<number>`, once it is complete


def list_versions(directory: str) -> list[int]:
    """The versions in `directory`, ascending.

    Raises:
      DataError: if it is not a directory.
      StorageError: if it cannot be read.
    """
    with files.read_errors(directory):
        return sorted(int(name) for name in os.listdir(directory) if name.isdecimal())


@contextlib.contextmanager
def write_version(directory: str) -> Iterator[NewVersion]:
    """Writes the next version in `directory`, which is made if missing.

    Raises:
      UserError: if `directory` cannot be a directory.
      StorageError: if the disk is full, read-only, forbidden or failing; nothing is
        left behind.
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
            # rename never replaces a directory that is not empty.
            os.rename(temporary, path)
            return path
        except OSError as error:
            # Another writer took this number: try the next one.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise


def _make_locked(directory: str) -> tuple[str, int]:
    # A new temporary directory, and the open descriptor that holds its lock.
    name = files.make_temporary_name(os.path.join(directory, "new"))
    for attempt in itertools.count():
        path = f"{name}-{attempt}"
        try:
            os.mkdir(path)
        except FileExistsError:
            # A process on another machine may have the same number.
            continue
        # Until it is locked, another writer may remove it as abandoned.
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            # A network file system may not lock directories; then nobody removes it.
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
        # One that cannot be locked has a living writer or belongs to another user.
        with contextlib.suppress(OSError):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            descriptor = os.open(path, flags)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(descriptor)
