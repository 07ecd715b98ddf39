"""Whether this system has what the commands need; on Windows it does not.

Imports nothing but `sys`: the check comes before the imports that would fail.
"""

from __future__ import annotations

import sys

_EXIT_CODE = 2


def require_posix() -> None:
    """Exits with 2 and a sentence where there are no POSIX locks or limits.

    Raises:
      SystemExit: where the modules `fcntl` or `resource` are missing.
    """
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
        raise SystemExit(_EXIT_CODE) from error
