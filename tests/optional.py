"""Optional packages, for test files that need one at import."""

from __future__ import annotations

import sys
from typing import Any

import pytest


def require(test_module: str, package: str, reason: str) -> Any:
    """The package; without it the whole file is skipped, run by pytest or as a script.

    Args:
      test_module: `__name__` of the test, "__main__" where Bazel runs it.
      package: to be imported.
      reason: why it may be missing.
    """
    try:
        return pytest.importorskip(package, reason=reason)
    except pytest.skip.Exception:
        if test_module != "__main__":
            raise
        print(f"skipped: {reason}")
        sys.exit(0)
