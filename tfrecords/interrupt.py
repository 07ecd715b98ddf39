"""SIGTERM, SIGINT and SIGHUP: how work learns that it is to stop.

A terminal that closes sends SIGHUP, often twice: its kernel does, and the shell again.
Where SIGHUP is ignored from the start, as under nohup, it stays so.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from types import FrameType

from tfrecords import errors

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


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


def insists(signal_number: int) -> bool:
    """Whether a second signal says to stop at once; SIGHUP comes twice by itself."""
    return signal_number != signal.SIGHUP


def raise_on_signals() -> None:
    """Raises `Terminated` at the first SIGTERM or SIGHUP; the rest is the system's.

    The work is left as by an exception: what it was writing is removed. A second
    SIGTERM or SIGINT ends the process at once. For the main thread.
    """
    numbers = [n for n in list_signals() if n != signal.SIGINT]

    def stop(number: int, frame: FrameType | None) -> None:
        for each in list_signals():
            after = signal.SIG_DFL if insists(each) else signal.SIG_IGN
            signal.signal(each, after)
        raise Terminated(number)

    for each in numbers:
        signal.signal(each, stop)


@contextlib.contextmanager
def stop_by_signal(message: str) -> Iterator[Callable[[], None]]:
    """Yields a function that raises `Interrupted` after one of the signals.

    A second SIGTERM or SIGINT ends the process at once. Outside the main thread, where
    Python handles no signals, the function never raises.

    Args:
      message: the sentence of the `Interrupted`: what was kept, how to go on.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    numbers = list_signals()

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for each in numbers:
            if insists(number) and insists(each):
                signal.signal(each, signal.SIG_DFL)

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
