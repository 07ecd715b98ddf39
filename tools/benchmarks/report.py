"""A benchmark's result as a table and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Result:
    """What was measured.

    Attributes:
      title: of the table, with the settings that all rows share.
      columns: their names.
      rows: a value per column: text, a number, or None for an empty cell.
      notes: sentences below the table.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str] = ()


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
    notes = [*result.notes, describe_machine(machine)]
    return "\n".join([result.title, "", *lines, "", *notes])


def describe_machine(machine: Mapping[str, Any]) -> str:
    """A sentence on the processor, the libraries and the commit."""
    return (
        f"{machine['cores']} cores of {machine['cpu']}, "
        f"{machine['memory_bytes'] / 1e9:.0f} GB; Python {machine['python']}, "
        f"TensorFlow {machine['tensorflow']}, Keras {machine['keras']}; commit "
        f"{machine['git_revision']}."
    )


def to_json(result: Result, machine: Mapping[str, Any]) -> dict[str, Any]:
    """The result as JSON values, with a dictionary for every row."""
    return {
        "title": result.title,
        "rows": [dict(zip(result.columns, row, strict=True)) for row in result.rows],
        "notes": list(result.notes),
        "machine": dict(machine),
    }
