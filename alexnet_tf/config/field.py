"""Declares a setting: a dataclass field with a doc, a source and limits."""

from __future__ import annotations

import dataclasses
from typing import Any


def setting(
    default: Any,
    doc: str,
    *,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    below: float | None = None,
    may_change: bool = False,
    separator: str = " ",
) -> Any:
    """Declares a field with its default, its doc and its allowed values.

    `may_change` marks settings that a resumed run may change, because they change no
    weight: logging intervals, devices, the number of epochs. `separator` separates the
    names in a tuple of names.
    """
    metadata = {
        "doc": doc,
        "choices": choices,
        "minimum": minimum,
        "below": below,
        "may_change": may_change,
        "separator": separator,
    }
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)
