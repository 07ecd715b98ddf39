"""Text of others in what we print: file names that a terminal cannot show.

A file's name is any bytes. Python keeps those that are no UTF-8 as surrogates, and
raises an error when they, or a character that the terminal's encoding has not, are
printed.
"""

from __future__ import annotations

import io
import sys


def escape(text: str) -> str:
    """`text` on one line without tabs: what cannot be printed is escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def escape_unencodable() -> None:
    """Has the standard output show a character that its encoding has not by number."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def write_utf8() -> None:
    """Has the standard output be UTF-8, whatever the locale, for programs to read.

    A byte of a file's name that is no UTF-8 becomes a backslash, "udc" and the byte's
    two digits: in a JSON string, the escape of the surrogate that Python has for it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
