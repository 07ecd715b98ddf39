"""SIGTERM and SIGINT, noticed where the work can stop and not in between."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

from tfrecords import errors


@contextlib.contextmanager
def stop_by_signal(message: str) -> Iterator[Callable[[], None]]:
    """Yields a function that raises `Interrupted` after a SIGTERM or SIGINT.

    A second signal ends the process at once. Outside the main thread, where Python
    handles no signals, the function never raises.

    Args:
      message: the sentence of the `Interrupted`: what was kept, how to go on.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    numbers = (signal.SIGTERM, signal.SIGINT)

    def note(number: int, frame: object) -> None:
        received.append(number)
        for each in numbers:
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
