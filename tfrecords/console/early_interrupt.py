"""Ctrl-C while a command still imports its modules: nobody there can catch it yet.

Imports nothing but `sys`, so that hardly anything is imported before it.
"""

from __future__ import annotations

import sys
from types import TracebackType


def hide_traceback() -> None:
    """Has an interrupt that nobody catches end the process without a traceback.

    The exit code stays the system's: 130 in a shell. Other errors are shown as before.
    """
    show = sys.excepthook

    def show_errors(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            show(kind, error, trace)

    sys.excepthook = show_errors
