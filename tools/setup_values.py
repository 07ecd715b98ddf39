"""What setup.py says, without installing anything."""

from __future__ import annotations

import pathlib
import runpy
from typing import Any
from unittest import mock

import setuptools


def read(root: pathlib.Path) -> dict[str, Any]:
    """The names that setup.py defines, and its arguments as "arguments"."""
    with mock.patch.object(setuptools, "setup") as setup:
        names = runpy.run_path(str(root / "setup.py"))
    return {**names, "arguments": setup.call_args.kwargs}
