"""Directories that one process at a time writes to.

The lock is the kernel's, so that it is free again the moment its holder dies.
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
    """Holds `directory` for this process: one writer at a time.

    The lock is a flock on the file `LOCK` inside.

    Args:
      directory: an existing directory.
      user: what holds it, for the other process's sentence: "alexnet-train".

    Raises:
      InUseError: if another process holds it.
      StorageError: if the lock file cannot be written.
    """
    path = os.path.join(directory, LOCK_NAME)
    with files.storage_errors(path):
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o644)
    try:
        _take_lock(descriptor, directory)
        with files.storage_errors(path):
            os.ftruncate(descriptor, 0)
            text = f"{user}, process {os.getpid()} on {socket.gethostname()}\n"
            os.pwrite(descriptor, text.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def check_lock(directory: str) -> None:
    """Raises `InUseError` where another process holds `directory`; writes nothing."""
    try:
        descriptor = os.open(os.path.join(directory, LOCK_NAME), os.O_RDONLY)
    except OSError:
        return  # Nobody has ever held it, or `directory_lock` says what is wrong.
    try:
        _take_lock(descriptor, directory)
    finally:
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
            "server offers no locks. Choose a directory on another."
        ) from error
