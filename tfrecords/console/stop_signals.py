"""SIGTERM, SIGINT and SIGHUP: how work learns that it is to stop.

One wish to stop may arrive as several signals: `timeout` and job schedulers signal the
process and then its group, and a terminal that closes sends SIGHUP from the kernel and
again from the shell. Where SIGHUP is ignored from the start, as under nohup, it stays
ignored.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from types import FrameType

from tfrecords import errors

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Copies of a signal come within milliseconds; nobody asks again so soon.
_COPY_SECONDS = 0.5


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, raised wherever the main thread was, like an interrupt.

    Attributes:
      signal_number: 1 or 15.
    """

    def __init__(self, signal_number: int):
        super().__init__()
        self.signal_number = signal_number

    @property
    def signal_name(self) -> str:
        return signal.Signals(self.signal_number).name


def list_signals() -> tuple[signal.Signals, ...]:
    """The signals that ask this process to stop: SIGHUP unless it is ignored."""
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return _SIGNALS[:2] if is_ignored else _SIGNALS


class Insistence:
    """Tells a second wish to stop, at once then, from copies of the first."""

    def __init__(self) -> None:
        self._first_time: float | None = None

    def is_second(self, signal_number: int) -> bool:
        """Whether this signal is a second wish; called once for each that arrives."""
        if signal_number == signal.SIGHUP:
            return False
        now = time.monotonic()
        if self._first_time is None:
            self._first_time = now
        return now - self._first_time >= _COPY_SECONDS


def raise_on_signals() -> None:
    """Raises `Terminated` at the first SIGTERM or SIGHUP; the rest is the system's.

    The work is left as by an exception: what it was writing is removed. A later
    SIGTERM or SIGINT ends the process at once. For the main thread.
    """
    insistence = Insistence()
    numbers = list_signals()

    def insist(number: int, frame: FrameType | None) -> None:
        if insistence.is_second(number):
            _end_process(number)

    def stop(number: int, frame: FrameType | None) -> None:
        insistence.is_second(number)
        for each in numbers:
            signal.signal(each, insist)
        raise Terminated(number)

    for each in numbers:
        if each != signal.SIGINT:
            signal.signal(each, stop)


def _end_process(signal_number: int) -> None:
    # By the signal itself, so that whoever waits for the process sees what ended it.
    signal.signal(signal_number, signal.SIG_DFL)
    os.kill(os.getpid(), signal_number)


@contextlib.contextmanager
def stop_by_signal(message: str) -> Iterator[Callable[[], None]]:
    """Yields a function that raises `Interrupted` after one of the signals.

    A later SIGTERM or SIGINT ends the process at once. Outside the main thread, where
    Python handles no signals, the function never raises.

    Args:
      message: the sentence of the `Interrupted`: what was kept, how to go on.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    numbers = list_signals()
    insistence = Insistence()

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if insistence.is_second(number):
            _end_process(number)

    def check_stop() -> None:
        if received:
            raise errors.Interrupted(message, received[0])

    before = [signal.signal(number, note) for number in numbers]
    try:
        yield check_stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def deaf_processes() -> Iterator[None]:
    """Processes started inside hear none of the signals, from their first instant on.

    A terminal, or whoever ends a group of processes, signals the workers too. Whether
    to stop is for their parent to say, which ends them. They inherit the mask.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        # It would start with the first process, and lift the mask.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
