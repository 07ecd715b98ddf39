"""Limits of the system: open files, memory, processes, the working directory.

When a limit is reached, no file is damaged and no disk has failed: the error says which
limit it is and how to raise it.
"""

from __future__ import annotations

import errno
import os
import resource
import threading

from tfrecords import errors

_OPEN_FILES = (errno.EMFILE, errno.ENFILE)
# A higher limit would slow down programs that close all possible descriptors.
_MOST_OPEN_FILES = 1 << 16
# TensorFlow starts these besides two pools with a thread for every core.
_OTHER_THREADS = 8


def prepare() -> None:
    """Raises this process's limit of open files as far as allowed; call it first.

    Raises:
      UserError: if the working directory was removed, so that no relative path works.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_OPEN_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise errors.UserError(
            "the working directory was removed. Change to another (cd) and run the "
            "same command again."
        ) from error


def check_threads() -> None:
    """Briefly starts as many threads as TensorFlow will need.

    TensorFlow aborts the process if it cannot start one of its threads. Raises
    `UserError` if they cannot be started.
    """
    done = threading.Event()
    threads = []
    try:
        for _ in range(2 * (os.cpu_count() or 1) + _OTHER_THREADS):
            thread = threading.Thread(target=done.wait, daemon=True)
            thread.start()
            threads.append(thread)
    except (RuntimeError, MemoryError) as error:
        raise errors.UserError(f"{explain(error)}{_limit_memory()}") from error
    finally:
        done.set()
        for thread in threads:
            thread.join()


def count_open_files() -> int:
    """The number of files that this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_OPEN_FILES if soft == resource.RLIM_INFINITY else soft


def is_out_of_files(error: BaseException) -> bool:
    """Whether `error` says that too many files are open."""
    return isinstance(error, OSError) and error.errno in _OPEN_FILES


def refuse(error: BaseException) -> None:
    """Raises `UserError` if `error` says that a limit was reached.

    For callers that would otherwise report a damaged file.
    """
    if isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno in (*_OPEN_FILES, errno.ENOMEM)
    ):
        raise errors.UserError(explain(error)) from error


def explain(error: BaseException) -> str | None:
    """A message about the limit that `error` comes from; None for any other error."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EMFILE:
        return (
            f"too many files are open: this process may have {count_open_files():,}. "
            f"Raise the limit, for example with ulimit -n {4 * count_open_files()}, "
            "and run the same command again."
        )
    if number == errno.ENFILE:
        return (
            "too many files are open on this machine. End other programs, or raise "
            "fs.file-max, and run the same command again."
        )
    text = str(error)
    if (
        isinstance(error, MemoryError)
        or number == errno.ENOMEM
        or (isinstance(error, ImportError) and _is_unmapped(text))
    ):
        detail = f" ({text})" if text else ""
        return (
            f"there is too little memory{detail}.{_limit_memory()} "
            "End other programs or give this one more, and run the same command "
            "again."
        )
    is_thread = isinstance(error, RuntimeError) and "start new thread" in text
    if is_thread or number == errno.EAGAIN:
        return (
            f"no further process or thread could be started ({text}). Raise the limit "
            "(ulimit -u, or that of the container; ulimit -v where memory is limited), "
            "or end other programs, and run the same command again."
        )
    return None


def _is_unmapped(text: str) -> bool:
    # The dynamic loader's message if a library does not fit into memory.
    return "failed to map segment" in text or "annot allocate memory" in text


def _limit_memory() -> str:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return ""
    return f" The limit of this process is {soft / 1e6:,.0f} MB (ulimit -v)."
