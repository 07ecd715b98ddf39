"""Numbers of things in messages: "1 image", "1,200 images", "2 classes"."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """The number with separators, and the noun, which is given in the singular."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'x', 'tch')) else 's'}"
