"""A benchmark's result as a table and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Result:
    """A table, with a title that has the settings all rows share, and notes below it.

    The header names the columns, separated by " | ". A row has a value per column:
    text, a number, or None for an empty cell.
    """

    title: str
    header: str
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str]

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self.header.split(" | ")


def format_value(value: str | float | None) -> str:
    """A cell's text: 12,345, 123, 12.3, 1.23, 0.123; whole numbers as they are."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int):
        return f"{value:,}"
    decimals = sum(abs(value) < limit for limit in (1, 10, 100))
    return f"{value:,.{decimals}f}"


def format_table(result: Result, machine: Mapping[str, Any]) -> str:
    """Text with a Markdown table; `machine` is from `environment.describe`."""
    table = [result.columns, *([*map(format_value, row)] for row in result.rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in table]
    lines.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    versions = (
        f"{machine['cores']} cores of {machine['cpu']}, "
        f"{machine['memory_bytes'] / 1e9:.0f} GB; Python {machine['python']}, "
        f"TensorFlow {machine['tensorflow']}, Keras {machine['keras']}; commit "
        f"{machine['git_revision']}."
    )
    return "\n".join([result.title, "", *lines, "", *result.notes, versions])


def to_json(result: Result, machine: Mapping[str, Any]) -> dict[str, Any]:
    """The result as JSON values, with a dictionary for every row."""
    return {
        "title": result.title,
        "rows": [dict(zip(result.columns, row, strict=True)) for row in result.rows],
        "notes": list(result.notes),
        "machine": dict(machine),
    }
