"""How a setting is declared: a dataclass field that knows its source and its limits."""

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
    """A field: its default, unit and source, and what values it takes.

    `may_change` marks what a run may be continued with in another value, because it
    changes no weight: cadences of logging, devices, how long to go on. `separator`
    stands between the names of a tuple of names.
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
