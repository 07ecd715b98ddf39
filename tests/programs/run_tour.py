"""Runs docs/tour.py, and then sections of it again with faults in what they show.

    python -m tests.programs.run_tour FAULTS

FAULTS is a list in JSON of [section, where, name, expression]: `name` of the module
`where`, or of the tour itself if that is "", becomes the value of `expression`, in
which `value` is the one before, and the cells of the section run as far as its check.

Prints, as the last line, a JSON object: "printed" is what the cells printed, without
faults; "outcomes", one for each fault, the type of the error that ended the section, or
"" if it ended without.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import pathlib
import re
import sys
from typing import Any

from matplotlib import pyplot

from tools import notebooks

SOURCE = pathlib.Path(__file__).parents[2] / "docs" / "tour.py"


def main() -> None:
    """Runs the tour, then every fault."""
    cells = [
        cell
        for cell in notebooks.read_cells(SOURCE.read_text(encoding="utf-8"))
        if cell.kind == "code"
    ]
    names: dict[str, Any] = {"__name__": "tour"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for cell in cells:
            _run(cell, names)
        outcomes = [
            _run_with_fault(
                [cell for cell in cells if cell.section == section], names, *fault
            )
            for section, *fault in json.loads(sys.argv[1])
        ]
        text = printed.getvalue()
    print(json.dumps({"printed": text, "outcomes": outcomes}))


def _run(cell: notebooks.Cell, names: dict[str, Any]) -> None:
    exec(compile(cell.text, f"docs/tour.py, section {cell.section}", "exec"), names)
    pyplot.close("all")


def _run_with_fault(
    cells: list[notebooks.Cell],
    names: dict[str, Any],
    where: str,
    name: str,
    expression: str,
) -> str:
    names = dict(names)
    scope = vars(importlib.import_module(where)) if where else names
    value = scope[name]
    scope[name] = eval(expression, {**scope, "value": value})
    try:
        for cell in cells:
            # Python cannot show the source of what the fault put there.
            if not re.search(r"^Code\(", cell.text, re.MULTILINE):
                _run(cell, names)
            if re.search(r"^check\(", cell.text, re.MULTILINE):
                break
    except Exception as error:
        return type(error).__name__
    finally:
        scope[name] = value
    return ""


if __name__ == "__main__":
    main()
