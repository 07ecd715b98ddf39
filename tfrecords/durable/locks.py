"""Locks that allow one process at a time to write to a directory.

The kernel holds the lock, and frees it the moment the process dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator

from tfrecords import errors
from tfrecords.durable import files

LOCK_NAME = "LOCK"


@contextlib.contextmanager
def directory_lock(directory: str, user: str) -> Iterator[None]:
    """Locks `directory` for this process, with a flock on the file `LOCK` in it.

    `user`, "alexnet-train" for example, is who holds it, for another process's error.

    Raises:
      InUseError: if another process holds the lock.
      StorageError: if the lock file cannot be written.
    """
    path = os.path.join(directory, LOCK_NAME)
    descriptor = _open_locked(path, directory)
    try:
        with files.storage_errors(path):
            os.ftruncate(descriptor, 0)
            text = f"{user}, process {os.getpid()} on {socket.gethostname()}\n"
            os.pwrite(descriptor, text.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def check_lock(directory: str) -> None:
    """Raises `InUseError` if another process has locked `directory`; writes nothing."""
    try:
        descriptor = os.open(os.path.join(directory, LOCK_NAME), os.O_RDONLY)
    except OSError:
        return  # It was never locked, or `directory_lock` will report the problem.
    try:
        _take_lock(descriptor, directory)
    finally:
        os.close(descriptor)


def _open_locked(path: str, directory: str) -> int:
    # A holder may have removed the file between our opening and locking it; a lock on
    # a file that is gone would keep nobody out.
    while True:
        with files.storage_errors(path):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o644)
        try:
            _take_lock(descriptor, directory)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _take_lock(descriptor: int, directory: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
        raise errors.InUseError(
            f"{directory} is in use by {holder or 'another process'}. Wait for it "
            "to end, or choose another directory."
        ) from error
    except OSError as error:
        raise errors.StorageError(
            f"{directory} cannot be locked ({error.strerror}): its file system or "
            "server does not support locks. Choose a directory on another."
        ) from error
