"""Limits of the system: open files, memory, processes, a working directory.

Where one is met, no file is damaged and no disk is at fault: the sentence says which
limit it is and how to raise it.
"""

from __future__ import annotations

import errno
import os
import resource
import threading

from tfrecords import errors

_OPEN_FILES = (errno.EMFILE, errno.ENFILE)
# More would slow down programs that close every descriptor they may have.
_MOST_OPEN_FILES = 1 << 16
# That TensorFlow starts besides two pools of one for every core.
_OTHER_THREADS = 8


def prepare() -> None:
    """Raises this process's limit of open files as far as it may; to be called first.

    Raises:
      UserError: where the working directory was removed, so that no relative path
        leads anywhere.
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
            "the working directory was removed. Change to one that is there (cd) and "
            "run the same command again."
        ) from error


def check_threads() -> None:
    """Starts as many threads for a moment as TensorFlow will for good.

    TensorFlow ends the process with a dump where one of its own cannot be started.

    Raises:
      UserError: where there is no room for them.
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
    """How many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_OPEN_FILES if soft == resource.RLIM_INFINITY else soft


def is_out_of_files(error: BaseException) -> bool:
    """Whether `error` says that too many files are open."""
    return isinstance(error, OSError) and error.errno in _OPEN_FILES


def refuse(error: BaseException) -> None:
    """Raises `UserError` where `error` is a limit that was met, and else nothing.

    For whoever takes errors while reading for a damaged file.
    """
    if isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno in (*_OPEN_FILES, errno.ENOMEM)
    ):
        raise errors.UserError(explain(error)) from error


def explain(error: BaseException) -> str | None:
    """A sentence on the limit that `error` comes from; None where it is another error.

    Args:
      error: what ended a command.
    """
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
    # What the loader says where a library does not fit into memory.
    return "failed to map segment" in text or "annot allocate memory" in text


def _limit_memory() -> str:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return ""
    return f" The limit of this process is {soft / 1e6:,.0f} MB (ulimit -v)."
