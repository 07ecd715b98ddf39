"""A progress line for long work: what is done, the rate and the time left.

On a terminal the line is rewritten in place; elsewhere a plain line is printed every
half a minute, so that a log file stays readable.
"""

from __future__ import annotations

import sys
import time
from typing import TextIO

_LIVE_SECONDS = 0.2
_PLAIN_SECONDS = 30.0
_RATE_WINDOW_SECONDS = 20.0


def format_duration(seconds: float) -> str:
    """`seconds` for people: 47 s, 12 min 5 s, 3 h 20 min."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


class LiveLine:
    """Prints lines; on a terminal each replaces the one before."""

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream if stream is not None else sys.stderr
        self.is_terminal = self._stream.isatty()
        self._last_time = float("-inf")
        self._last_length = 0

    def is_due(self) -> bool:
        """Whether enough time has passed for another line."""
        interval = _LIVE_SECONDS if self.is_terminal else _PLAIN_SECONDS
        return time.monotonic() - self._last_time >= interval

    def show(self, text: str) -> None:
        """Shows `text` now; on a terminal it replaces the previous text."""
        self._last_time = time.monotonic()
        if self.is_terminal:
            self._write("\r" + text.ljust(self._last_length))
            self._last_length = len(text)
        else:
            self._write(text + "\n")

    def print_above(self, text: str) -> None:
        """Prints `text` as a line that stays."""
        if self.is_terminal and self._last_length:
            self._write("\r" + " " * self._last_length + "\r")
            self._last_length = 0
        self._write(text + "\n")

    def close(self) -> None:
        """Keeps the newest line and starts the next one."""
        if self.is_terminal and self._last_length:
            self._write("\n")
            self._last_length = 0

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class Progress:
    """Counts units of work and shows the rate and the time left.

    The label says what is being done ("converting"), the unit is a plural ("images").
    `done` of the units were finished before this process started. By default it writes
    to standard error.
    """

    def __init__(
        self,
        label: str,
        total: int,
        unit: str,
        done: int = 0,
        stream: TextIO | None = None,
    ):
        self._label, self._total, self._unit = label, total, unit
        self._line = LiveLine(stream)
        self._start_time = time.monotonic()
        self._start_done = done
        self._marks = [(self._start_time, done)]
        self.done = done

    def advance(self, units: int = 1) -> None:
        """Counts `units` more as done and shows the line if it is due."""
        self.done += units
        now = time.monotonic()
        if now - self._marks[-1][0] >= 1.0:
            self._marks.append((now, self.done))
            # The rate of the last seconds predicts the time left best.
            while (
                len(self._marks) > 2 and now - self._marks[1][0] > _RATE_WINDOW_SECONDS
            ):
                self._marks.pop(0)
        if self._line.is_due():
            self._line.show(self._describe(now))

    def close(self) -> None:
        """Shows the last line: all that was done, and the mean rate."""
        seconds = time.monotonic() - self._start_time
        rate = (self.done - self._start_done) / max(seconds, 1e-9)
        self._line.show(
            f"{self._label}: {self.done:,} {self._unit} in {format_duration(seconds)} "
            f"({rate:,.0f} {self._unit}/s)"
        )
        self._line.close()

    def _describe(self, now: float) -> str:
        first_time, first_done = self._marks[0]
        rate = (self.done - first_done) / max(now - first_time, 1e-9)
        percent = 100.0 * self.done / max(self._total, 1)
        text = (
            f"{self._label}: {self.done:,} of {self._total:,} {self._unit} "
            f"({percent:.0f} %)"
        )
        if rate <= 0:
            return text
        left = format_duration((self._total - self.done) / rate)
        return f"{text}, {rate:,.0f} {self._unit}/s, {left} left"
