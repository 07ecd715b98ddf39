"""Printing file names that a terminal cannot show.

A file's name may have any bytes. Python keeps those that are not UTF-8 as surrogates,
and raises an error when it prints them, or a character that the terminal's encoding
lacks.
"""

from __future__ import annotations

import io
import sys


def escape(text: str) -> str:
    """`text` on one line without tabs, with unprintable characters escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def escape_unencodable() -> None:
    """Makes standard output escape characters that its encoding lacks."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def write_utf8() -> None:
    """Makes standard output UTF-8 in any locale, for programs to read.

    A byte of a file name that is not UTF-8 becomes a backslash, "udc" and the byte's
    two digits: in a JSON string, the escape of Python's surrogate for it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
