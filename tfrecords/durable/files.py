"""Files that are either complete or absent, after a kill and after a power cut.

Every file is written under a temporary name in its own directory, flushed to the disk
and renamed, and then the directory is flushed (temporary name -> fsync -> rename ->
fsync of the directory). A directory has one writer at a time, see `locks`.
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
_REMOVED = "-removed"

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
    """Turns the operating system's errors while writing `path` into `StorageError`.

    Raises `StorageError` for a full, read-only, forbidden or failing disk. Other
    OSErrors, and those of files elsewhere, pass unchanged.
    """
    try:
        yield
    except OSError as error:
        reason = _STORAGE_ERRNOS.get(error.errno or 0)
        directory = os.path.dirname(os.path.abspath(path))
        # A file elsewhere, read while `path` is written, is not covered.
        if reason is None or not _may_concern(error.filename, directory):
            raise
        remedy = "correct that"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason += _free_space(directory)
            remedy = "make room"
        raise errors.StorageError(
            f"{path} could not be written: {reason}. Everything finished before is "
            f"intact; {remedy} and run the same command again."
        ) from error


def find_storage_errno(text: str) -> int | None:
    """The number of the disk's error that a library's message quotes, or None."""
    return next((n for n in _STORAGE_ERRNOS if os.strerror(n) in text), None)


@contextlib.contextmanager
def read_errors(path: str) -> Iterator[None]:
    """Turns the operating system's errors while reading `path` into ours.

    Raises:
      DataError: if the file is missing or is a directory.
      StorageError: for a failing disk, a forbidden file, or any other `OSError`.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise errors.DataError(
            f"{path} is missing or was replaced ({error.strerror}). Put it back and "
            "run the same command again."
        ) from error
    except OSError as error:
        limits.refuse(error)
        reason = _STORAGE_ERRNOS.get(error.errno or 0, str(error.strerror or error))
        raise errors.StorageError(
            f"{path} could not be read: {reason}. Correct that and run the same "
            "command again."
        ) from error


def _may_concern(filename: object, directory: str) -> bool:
    if not isinstance(filename, str):
        return True  # errors of an open file have no name
    filename = os.path.abspath(filename)
    if os.path.dirname(filename) == directory or directory.startswith(filename):
        return True
    # In a directory that is being written.
    return filename.startswith(os.path.join(directory, "")) and (
        TEMPORARY_MARK in filename[len(directory) :]
    )


def _free_space(directory: str) -> str:
    try:
        return f" ({shutil.disk_usage(directory).free:,} bytes are free)"
    except OSError:
        return ""


@contextlib.contextmanager
def atomic_write(path: str, *, publishes: bool = True) -> Iterator[IO[bytes]]:
    """Opens a binary file that appears at `path` complete, or not at all.

    Without `publishes` the complete file keeps its temporary name, for `publish`.

    Raises:
      UserError: if its directory does not exist, or `path` is a directory.
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
            if publishes:
                publish(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def check_target(path: str) -> None:
    """Raises `UserError` if no file can be at `path`; call it before long work."""
    directory = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(directory):
        raise errors.UserError(
            f"{path} cannot be written: there is no directory {directory}. Make it, or "
            "choose another file."
        )
    if os.path.isdir(path):
        raise errors.UserError(
            f"{path} is a directory, not a file to write. Choose a file in it."
        )


def make_temporary_name(path: str) -> str:
    """The name under which this thread writes the file that will appear at `path`."""
    directory, name = os.path.split(os.path.abspath(path))
    # No two threads of a machine have the same number, even in different processes.
    number = threading.get_native_id()
    return os.path.join(directory, f".{name}{TEMPORARY_MARK}{number}")


def publish(temporary: str, path: str) -> None:
    """Gives a flushed temporary file its final name, durably; raises `StorageError`."""
    with storage_errors(path):
        os.replace(temporary, path)
        fsync_directory(os.path.dirname(os.path.abspath(path)))


@contextlib.contextmanager
def atomic_directory(path: str) -> Iterator[str]:
    """Makes a directory that appears at `path` complete, or not at all.

    Yields the temporary directory to write into. Nothing may exist at `path` when the
    block ends. Raises `StorageError` as `atomic_write` does.
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
    """Writes `data` at `path` atomically; raises as `atomic_write` does."""
    with atomic_write(path) as file:
        file.write(data)


def write_json(path: str, value: Any) -> None:
    """Writes `value` as indented JSON with a final newline, atomically.

    The bytes depend only on `value`; keys keep their order.
    """
    write_bytes(path, (json.dumps(value, indent=1) + "\n").encode())


def fsync_tree(directory: str) -> None:
    """Flushes everything in `directory` to the disk, at any depth."""
    for folder, _, file_names in os.walk(directory):
        for file_name in sorted(file_names):
            with open(os.path.join(folder, file_name), "rb") as file:
                os.fsync(file.fileno())
        fsync_directory(folder)


def fsync_directory(directory: str) -> None:
    """Flushes the names in `directory` to the disk, so that renames are durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: str) -> None:
    """Creates `path` and its parents, durably.

    Without the flush a power cut could remove a directory that holds flushed files.

    Raises:
      StorageError: as for `atomic_write`.
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
                # A directory may be writable and not readable.
                with contextlib.suppress(PermissionError):
                    fsync_directory(os.path.dirname(directory))
        except (FileExistsError, NotADirectoryError) as error:
            raise errors.UserError(
                f"{path} cannot be used as a directory: it, or a part of its path, is "
                "a file. Choose another directory."
            ) from error
        except FileNotFoundError as error:
            # /proc and the like report this: nothing can be made there.
            raise errors.UserError(
                f"{path} cannot be made: its file system allows no new directories. "
                "Choose another directory."
            ) from error


def find_nearest(path: str) -> str:
    """`path`, or the nearest directory above it that exists."""
    path = os.path.abspath(path)
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def remove_empty_directories(path: str, end: str) -> None:
    """Removes `path` and those above it, below `end`, up to one that holds something.

    With `end` from `find_nearest`, it undoes `make_directory`.
    """
    path = os.path.abspath(path)
    with contextlib.suppress(OSError):
        while path != end:
            os.rmdir(path)
            path = os.path.dirname(path)


def check_directory(path: str) -> None:
    """Raises what `make_directory` or writing there would raise; makes nothing."""
    nearest = find_nearest(path)
    if not os.path.isdir(nearest):
        raise errors.UserError(
            f"{path} cannot be used as a directory: {nearest} is a file. Choose "
            "another directory."
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise errors.StorageError(
            f"{path} cannot be written: {nearest} does not permit it, or its file "
            "system is read-only. Correct that, or choose another directory."
        )


def remove_temporary_files(directory: str) -> list[str]:
    """Removes what killed writers left in `directory`; returns the names, sorted.

    The caller holds the directory's lock.
    """
    names = sorted(n for n in os.listdir(directory) if TEMPORARY_MARK in n)
    for name in names:
        path = os.path.join(directory, name)
        if os.path.isdir(path) and not os.path.islink(path):
            # A writer that is still alive, on another machine for example, would put
            # files into it meanwhile. Under another name it does not find it.
            moved = path + _REMOVED
            if os.path.lexists(moved):
                shutil.rmtree(moved)
            os.rename(path, moved)
            path = moved
        if os.path.lexists(path):
            remove(path)
    return names


def remove(path: str) -> None:
    """Removes a file, a link (not its target) or a directory with its contents."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def compute_digest(path: str, algorithm: str = "sha256") -> str:
    """The hexadecimal digest of the file at `path`, read in blocks of 1 MiB."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
