"""What the user may have meant by an unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The end of an error: " Did you mean 'conv1'?", or "" if no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f" Did you mean {near[0]!r}?" if near else ""
