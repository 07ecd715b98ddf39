"""The comment of a field: what follows it on its line, or stands above it."""

from __future__ import annotations

import re
from collections.abc import Sequence


def find(lines: Sequence[str], first: int, last: int) -> str:
    """The comment of the statement in lines `first` to `last`, counted from 1, or "".

    A comment on the statement's last line counts first; without one, the whole lines of
    comment directly above do, unless an empty line or another statement lies between.
    """
    # Two spaces and a # could also be in a text; no default of ours has them.
    if match := re.search(r"  # (.*)$", lines[last - 1]):
        return _tidy([match[1]])
    above: list[str] = []
    for line in reversed(lines[: first - 1]):
        if not (match := re.match(r" *# (.*)$", line)):
            break
        above.insert(0, match[1])
    return _tidy(above)


def _tidy(lines: list[str]) -> str:
    """The lines as one, without comments for programs."""
    return " ".join(x for x in lines if not re.match(r"noqa|type:", x)).strip()
