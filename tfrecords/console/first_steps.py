"""What a command does before its imports, which may be interrupted or fail.

Imports nothing but `sys`, so that it takes effect as early as possible.
"""

from __future__ import annotations

import sys
from types import TracebackType


def hide_interrupts() -> None:
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


def require_project() -> None:
    """Exits with 2 and a sentence if another `tfrecords` was installed over ours."""
    package = sys.modules["tfrecords"]
    if getattr(package, "PROJECT", None) != "alexnet-tf":
        print(
            f"alexnet: {package.__file__} was overwritten by an unrelated package, "
            "which is also named tfrecords. Remove it and install this package again: "
            "pip uninstall -y tfrecords; pip install --force-reinstall --no-deps "
            "alexnet-tf (or its checkout).",
            file=sys.stderr,
        )
        raise SystemExit(2)


def require_posix() -> None:
    """Exits with 2 and a sentence without `fcntl` or `resource`, as on Windows."""
    try:
        import fcntl  # noqa: F401
        import resource  # noqa: F401
    except ImportError as error:
        print(
            f"alexnet: this system ({sys.platform}) has no module {error.name!r}, "
            "which locks directories and reads limits. Linux is supported. On Windows, "
            "use the Windows Subsystem for Linux (WSL 2).",
            file=sys.stderr,
        )
        raise SystemExit(2) from error
