"""On SIGTERM, SIGINT or SIGHUP, finish the step, save and exit; a second kills."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

from tfrecords.console import stop_signals


class Stopped(Exception):
    """A stop request aborted the work; caught within the run."""


class StopRequest:
    """True once a signal has requested a stop.

    Attributes:
      signal_number: the first signal's number, or None.
    """

    signal_number: int | None = None

    def __init__(self) -> None:
        self._insistence = stop_signals.Insistence()

    def __bool__(self) -> bool:
        return self.signal_number is not None

    def check(self) -> None:
        """Raises `Stopped` if a stop was requested."""
        if self:
            raise Stopped

    def receive(self, signal_number: int, frame: Any) -> None:
        """Handles a signal."""
        del frame
        if self._insistence.is_second(signal_number):
            # A second signal: exit at once; the last checkpoint remains.
            os._exit(128 + signal_number)
        self.signal_number = self.signal_number or signal_number


@contextlib.contextmanager
def catch_stop_signals() -> Iterator[StopRequest]:
    """Turns SIGTERM, SIGINT and SIGHUP into a `StopRequest` while the block runs.

    Catches nothing outside the main thread, where Python allows no handlers.
    """
    request = StopRequest()
    before = {}
    try:
        for number in stop_signals.list_signals():
            with contextlib.suppress(ValueError):
                before[number] = signal.signal(number, request.receive)
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
