"""SIGTERM, SIGINT and SIGHUP: how work learns that it is to stop.

One request to stop may arrive as several signals: `timeout` and job schedulers signal
the process and then its group, and a terminal that closes sends SIGHUP from the kernel
and again from the shell. If SIGHUP is ignored from the start, as under nohup, it stays
ignored.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Copies of a signal arrive within milliseconds; nobody asks again so soon.
_COPY_SECONDS = 0.5


class Terminated(KeyboardInterrupt):
    """SIGTERM (15) or SIGHUP (1), raised in the main thread like an interrupt."""

    def __init__(self, signal_number: int):
        super().__init__()
        self.signal_number = signal_number


class Stopped(Exception):
    """Work was abandoned because a stop was requested; its owner catches this."""


class StopRequest:
    """The number of the first signal that asked the work to stop, or None."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._first_time: float | None = None

    def __bool__(self) -> bool:
        return self.signal_number is not None

    def check(self) -> None:
        """Raises `Stopped` once a stop was requested."""
        if self:
            raise Stopped

    def receive(self, signal_number: int, frame: FrameType | None) -> None:
        """The signals' handler; a second request ends the process at once.

        A signal that follows the first within half a second is a copy of it, and a
        SIGHUP never counts as a second request.
        """
        del frame
        self.signal_number = self.signal_number or signal_number
        if signal_number == signal.SIGHUP:
            return
        now = time.monotonic()
        if self._first_time is None:
            self._first_time = now
        if now - self._first_time >= _COPY_SECONDS:
            _end_process(signal_number)


def _list_signals() -> tuple[signal.Signals, ...]:
    """The signals that ask this process to stop: SIGHUP unless it is ignored."""
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return _SIGNALS[:2] if is_ignored else _SIGNALS


def raise_on_signals() -> None:
    """Raises `Terminated` at the first SIGTERM or SIGHUP; the rest is the system's.

    The work ends as with any exception: what it was writing is removed. A later
    SIGTERM or SIGINT ends the process at once. For the main thread.
    """
    request = StopRequest()
    numbers = _list_signals()

    def stop(number: int, frame: FrameType | None) -> None:
        request.receive(number, frame)
        for each in numbers:
            signal.signal(each, request.receive)
        raise Terminated(number)

    for each in numbers:
        if each != signal.SIGINT:
            signal.signal(each, stop)


@contextlib.contextmanager
def catch_stop_signals() -> Iterator[StopRequest]:
    """Turns SIGTERM, SIGINT and SIGHUP into a request while the block runs.

    Outside the main thread, where Python allows no handlers, nothing is caught.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {
        number: signal.signal(number, request.receive) for number in _list_signals()
    }
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_process(signal_number: int) -> None:
    # By the signal itself, so that the parent process sees what ended this one.
    signal.signal(signal_number, signal.SIG_DFL)
    os.kill(os.getpid(), signal_number)
    # The first process of a container ignores signals that it has no handler for.
    os._exit(128 + signal_number)


@contextlib.contextmanager
def deaf_processes() -> Iterator[None]:
    """Processes started inside block all of the signals, from their first instant on.

    A terminal, or whoever ends a group of processes, signals the workers too. Their
    parent decides whether to stop, and ends them. They inherit the signal mask.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        # It would start with the first process, and lift the mask.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
