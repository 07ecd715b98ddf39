"""How often each client of a page may ask."""

from __future__ import annotations

import collections
import math
import threading
import time
from collections.abc import Callable

from tfrecords import errors

_WINDOW_SECONDS = 60.0


class RateLimit:
    """Allows each client `per_minute` requests within any 60 seconds.

    Safe to call from several threads. `clock` returns seconds that never go back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic):
        self._per_minute, self._clock = per_minute, clock
        # The times of each client's requests of the last minute, the oldest first.
        self._times: dict[str, collections.deque[float]] = {}
        self._lock = threading.Lock()

    def check(self, client: str) -> None:
        """Counts a request; raises `UserError`, uncounted, if it is one too many."""
        with self._lock:
            now = self._clock()
            self._forget(now - _WINDOW_SECONDS)
            times = self._times.setdefault(client, collections.deque())
            if len(times) >= self._per_minute:
                seconds = math.ceil(times[0] + _WINDOW_SECONDS - now)
                raise errors.UserError(
                    f"you sent {self._per_minute} images within a minute, as many as "
                    f"this page allows. Try again in {seconds} s."
                )
            times.append(now)

    def _forget(self, start: float) -> None:
        # Clients without a recent request go too, so that memory stays bounded.
        for client, times in list(self._times.items()):
            while times and times[0] <= start:
                times.popleft()
            if not times:
                del self._times[client]
