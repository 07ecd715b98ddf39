"""SIGTERM, SIGINT, SIGHUP: finish the step, save, exit; a later one exits at once."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

from tfrecords.console import stop_signals


class Stopped(Exception):
    """Work was abandoned because a stop was asked for; never leaves the run."""


class StopRequest:
    """Whether a signal has asked the run to stop.

    Attributes:
      signal_number: of the first signal, or None.
    """

    signal_number: int | None = None

    def __init__(self) -> None:
        self._insistence = stop_signals.Insistence()

    def __bool__(self) -> bool:
        return self.signal_number is not None

    def check(self) -> None:
        """Raises `Stopped` once a stop was asked for."""
        if self:
            raise Stopped

    def receive(self, signal_number: int, frame: Any) -> None:
        """The signals' handler."""
        del frame
        if self._insistence.is_second(signal_number):
            # The user insists: what the last checkpoint holds has to do.
            os._exit(128 + signal_number)
        self.signal_number = self.signal_number or signal_number


@contextlib.contextmanager
def catch_stop_signals() -> Iterator[StopRequest]:
    """Turns SIGTERM, SIGINT and SIGHUP into a request while the block runs.

    Outside the main thread, where Python allows no handlers, nothing is caught.
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
