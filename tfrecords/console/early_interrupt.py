"""Ctrl-C while a command is still importing its modules and cannot catch it.

Imports nothing but `sys`, so that it takes effect as early as possible.
"""

from __future__ import annotations

import sys
from types import TracebackType


def hide_traceback() -> None:
    """Makes an uncaught interrupt end the process without a traceback.

    A shell still sees exit code 130. Other errors are shown as before.
    """
    show = sys.excepthook

    def show_errors(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            show(kind, error, trace)

    sys.excepthook = show_errors
