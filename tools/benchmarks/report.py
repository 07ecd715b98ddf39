"""A benchmark's result as a table and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Result:
    """What was measured.

    Attributes:
      title: of the table, with what was fixed.
      columns: their names; the first names the contestant.
      rows: a cell for every column: text, or a number that `formats` prints.
      formats: a format of `str.format` for every column: "{:.1f}".
      notes: sentences below the table.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    formats: Sequence[str]
    notes: Sequence[str] = ()


def format_table(result: Result, machine: Mapping[str, Any]) -> str:
    """The result in words, a Markdown table in the middle."""
    cells = [
        [
            "" if cell is None else form.format(cell)
            for cell, form in zip(row, result.formats, strict=True)
        ]
        for row in result.rows
    ]
    widths = [
        max(len(text) for text in column)
        for column in zip(result.columns, *cells, strict=True)
    ]

    def write_row(texts: Sequence[str]) -> str:
        padded = [text.ljust(width) for text, width in zip(texts, widths, strict=True)]
        return f"| {' | '.join(padded)} |"

    lines = [result.title, "", write_row(result.columns)]
    lines.append(f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    lines += [write_row(row) for row in cells]
    lines += ["", *result.notes, describe_machine(machine)]
    return "\n".join(lines)


def describe_machine(machine: Mapping[str, Any]) -> str:
    """A sentence from `alexnet_tf.runs.environment.describe`."""
    gigabytes = machine["memory_bytes"] / 1e9
    return (
        f"{machine['cores']} cores of {machine['cpu']}, {gigabytes:.0f} GB; Python "
        f"{machine['python']}, TensorFlow {machine['tensorflow']}, Keras "
        f"{machine['keras']}; commit {machine['git_revision']}."
    )


def to_json(result: Result, machine: Mapping[str, Any]) -> dict[str, Any]:
    """The result as JSON values, a dictionary for every row."""
    return {
        "title": result.title,
        "rows": [dict(zip(result.columns, row, strict=True)) for row in result.rows],
        "notes": list(result.notes),
        "machine": dict(machine),
    }
