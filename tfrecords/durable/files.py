"""Files that are either whole or absent, after a kill and after a power cut.

Every final file is written under a temporary name in its own directory, flushed to
the disk, renamed, and the directory flushed (temporary name -> fsync -> rename ->
fsync of the directory). Directories have one writer at a time, see `locks`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from typing import IO, Any

from tfrecords import errors, limits

TEMPORARY_MARK = ".tmp-"

_STORAGE_ERRNOS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk reported an input/output error",
    errno.EFBIG: "the file is larger than the limit of this process or file system",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ELOOP: "a symbolic link is in its place",
}


@contextlib.contextmanager
def storage_errors(path: str) -> Iterator[None]:
    """Turns the operating system's storage errors into `StorageError` sentences.

    Args:
      path: what was being written, for the sentence.

    Raises:
      StorageError: for a full, read-only, forbidden or failing disk. Other OSErrors,
        and those of files elsewhere, pass unchanged.
    """
    try:
        yield
    except OSError as error:
        reason = _STORAGE_ERRNOS.get(error.errno or 0)
        directory = os.path.dirname(os.path.abspath(path))
        # What is read while `path` is written has its own errors.
        if reason is None or not _is_on_the_way(error.filename, directory):
            raise
        remedy = "correct that"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason += _free_space(directory)
            remedy = "make room"
        raise errors.StorageError(
            f"{path} could not be written: {reason}. What was finished before is "
            f"intact; {remedy} and run the same command again."
        ) from error


@contextlib.contextmanager
def read_errors(path: str) -> Iterator[None]:
    """Turns the operating system's errors while reading into sentences.

    Args:
      path: what was being read, for the sentence.

    Raises:
      DataError: if the file is gone or is no regular file.
      StorageError: for a failing disk or forbidden file, or any other `OSError`.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise errors.DataError(
            f"{path} is no longer the file that it was ({error.strerror}). Put it back "
            "and run the same command again."
        ) from error
    except OSError as error:
        limits.refuse(error)
        reason = _STORAGE_ERRNOS.get(error.errno or 0, str(error.strerror or error))
        raise errors.StorageError(
            f"{path} could not be read: {reason}. Correct that and run the same "
            "command again."
        ) from error


def _is_on_the_way(filename: object, directory: str) -> bool:
    if not isinstance(filename, str):
        return True  # reading and writing an open file name none
    filename = os.path.abspath(filename)
    return os.path.dirname(filename) == directory or directory.startswith(filename)


def _free_space(directory: str) -> str:
    try:
        return f" ({shutil.disk_usage(directory).free:,} bytes are free)"
    except OSError:
        return ""


@contextlib.contextmanager
def atomic_write(path: str) -> Iterator[IO[bytes]]:
    """Opens a binary file that appears at `path` complete, or not at all.

    Raises:
      UserError: if its directory does not exist, or it is a directory.
      StorageError: if the disk is full, read-only, forbidden or failing; no file is
        left behind.
    """
    check_target(path)
    temporary = make_temporary_name(path)
    with storage_errors(path):
        try:
            with open(temporary, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            publish(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def check_target(path: str) -> None:
    """Raises `UserError` where no file can be at `path`, before work goes into it."""
    directory = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(directory):
        raise errors.UserError(
            f"{path} cannot be written: there is no directory {directory}. Make it, or "
            "name another file."
        )
    if os.path.isdir(path):
        raise errors.UserError(
            f"{path} is a directory, not a file to write. Name a file in it."
        )


def make_temporary_name(path: str) -> str:
    """Where this thread writes the file that is to appear at `path`."""
    directory, name = os.path.split(os.path.abspath(path))
    # No two threads of a machine have the same number, whichever process they are of.
    number = threading.get_native_id()
    return os.path.join(directory, f".{name}{TEMPORARY_MARK}{number}")


def publish(temporary: str, path: str) -> None:
    """Gives a temporary file, flushed to the disk, its final name, durably.

    Raises:
      StorageError: if the directory is read-only, forbidden or failing.
    """
    with storage_errors(path):
        os.replace(temporary, path)
        fsync_directory(os.path.dirname(os.path.abspath(path)))


@contextlib.contextmanager
def atomic_directory(path: str) -> Iterator[str]:
    """Fills a directory that appears at `path` complete, or not at all.

    Yields the temporary directory to write into. Nothing may be at `path` when the
    block ends.

    Raises:
      StorageError: like `atomic_write`.
    """
    temporary = make_temporary_name(path)
    with storage_errors(path):
        try:
            os.mkdir(temporary)
            yield temporary
            fsync_tree(temporary)
            os.rename(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        fsync_directory(os.path.dirname(temporary))


def write_bytes(path: str, data: bytes) -> None:
    """Writes `data` at `path` atomically; raises `StorageError` like `atomic_write`."""
    with atomic_write(path) as file:
        file.write(data)


def write_json(path: str, value: Any) -> None:
    """Writes `value` as indented JSON with a final newline, atomically.

    The bytes depend on `value` alone; keys keep their order.
    """
    write_bytes(path, (json.dumps(value, indent=1) + "\n").encode())


def fsync_tree(directory: str) -> None:
    """Makes everything in `directory` durable, at any depth."""
    for folder, _, file_names in os.walk(directory):
        for file_name in sorted(file_names):
            with open(os.path.join(folder, file_name), "rb") as file:
                os.fsync(file.fileno())
        fsync_directory(folder)


def fsync_directory(directory: str) -> None:
    """Makes the names in `directory` durable, renames above all."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: str) -> None:
    """Creates `path` and its parents, durably.

    Without the flush a power cut could take away a directory that holds flushed files.

    Raises:
      StorageError: like `atomic_write`.
      UserError: if `path` or a part of it is a file.
    """
    missing = []
    parent = os.path.abspath(path)
    while not os.path.lexists(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    with storage_errors(path):
        try:
            os.makedirs(path, exist_ok=True)
            for directory in reversed(missing):
                # A directory may take new names from those who cannot list it.
                with contextlib.suppress(PermissionError):
                    fsync_directory(os.path.dirname(directory))
        except (FileExistsError, NotADirectoryError) as error:
            raise errors.UserError(
                f"{path} cannot be used as a directory: it, or a part of its path, is "
                "a file. Name another directory."
            ) from error
        except FileNotFoundError as error:
            # What /proc and its like answer: nothing can be made there.
            raise errors.UserError(
                f"{path} cannot be made: its file system takes no new directory. Name "
                "another."
            ) from error


def check_directory(path: str) -> None:
    """Raises what `make_directory` and writing there would raise; makes nothing."""
    nearest = os.path.abspath(path)
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        raise errors.UserError(
            f"{path} cannot be used as a directory: {nearest} is no directory. Name "
            "another directory."
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise errors.StorageError(
            f"{path} cannot be written: {nearest} does not permit it, or its file "
            "system is read-only. Correct that, or name another directory."
        )


def remove_temporary_files(directory: str) -> list[str]:
    """Removes what killed writers left in `directory`; the caller holds its lock.

    Returns:
      The names removed, sorted.
    """
    names = sorted(n for n in os.listdir(directory) if TEMPORARY_MARK in n)
    for name in names:
        remove(os.path.join(directory, name))
    return names


def remove(path: str) -> None:
    """Removes a file, a link (not what it leads to) or a directory with all in it."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def compute_digest(path: str, algorithm: str = "sha256") -> str:
    """The hexadecimal digest of the file at `path`, read in pieces of 1 MiB."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
