"""Notebooks from Python source: cells, sections, notebook files.

The source is a Python program in which a line `# %%` begins a cell of code and
`# %% [markdown]` one of text, written as comments. What comes before the first is no
cell. Notebooks are in Jupyter's format 4.5, as JSON values.
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import io
import re
from collections.abc import Sequence
from typing import Any

from PIL import Image

_BEGIN = re.compile(r"^# %%(| \[markdown\])\n", re.MULTILINE)
# "## 1 Introduction" or "### 3.1 [ReLU nonlinearity](paper.md)".
_HEADING = re.compile(r"^#{2,3} (\d(?:\.\d)?) ", re.MULTILINE)

# Colab's page to choose a repository of GitHub, and its page of one notebook.
COLAB = "https://colab.research.google.com/github/"
_NO_ADDRESS = 'REPOSITORY = ""'

_METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}

# Colours per figure: the drawn images look the same, in a third of the bytes.
_NUM_COLOURS = 64


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell: its kind, "code" or "markdown", and its text without the comment marks.

    `section` is the number of the last heading in it or before it: "3.1"; "" before the
    first.
    """

    kind: str
    text: str
    section: str


def read_cells(source: str) -> list[Cell]:
    """The cells of a program, in its order.

    Raises:
      ValueError: if a line of a cell of text is no comment.
    """
    cells, section = [], ""
    parts = _BEGIN.split(source)
    for mark, body in zip(parts[1::2], parts[2::2], strict=True):
        text = body.strip("\n")
        if mark:
            text = "\n".join(map(_uncomment, text.split("\n")))
            section = (_HEADING.findall(text) or [section])[-1]
        cells.append(Cell("markdown" if mark else "code", text, section))
    return cells


def _uncomment(line: str) -> str:
    if line != "#" and not line.startswith("# "):
        raise ValueError(f"a cell of text has the line {line!r}, which is no comment")
    return line[2:]


def fill_in_address(
    cells: Sequence[Cell], address: str | None, path: str
) -> list[Cell]:
    """Puts the repository's address into the link to Colab and into `REPOSITORY`.

    `address` is None if it is not known; Colab opens notebooks of github.com only.
    `path` is the notebook's in the repository.
    """
    found = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", address or "")
    if not found:
        return list(cells)
    page = f"{COLAB}{found[1]}/blob/main/{path}"
    return [
        dataclasses.replace(
            cell,
            text=cell.text.replace(f"({COLAB})", f"({page})").replace(
                _NO_ADDRESS, f'REPOSITORY = "{address}"'
            ),
        )
        for cell in cells
    ]


def make_notebook(cells: Sequence[Cell]) -> dict[str, Any]:
    """A notebook that has not been run."""
    return {
        "cells": [_make_cell(number, cell) for number, cell in enumerate(cells)],
        "metadata": copy.deepcopy(_METADATA),
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _make_cell(number: int, cell: Cell) -> dict[str, Any]:
    made: dict[str, Any] = {
        "cell_type": cell.kind,
        "id": f"cell-{number:02}",
        "metadata": {},
        "source": cell.text.splitlines(keepends=True),
    }
    if cell.kind == "code":
        made |= {"execution_count": None, "outputs": []}
    return made


def find_differences(notebook: dict[str, Any], cells: Sequence[Cell]) -> list[str]:
    """What the notebook's cells have other than `cells`, a line each."""
    there = [(c["cell_type"], join(c["source"])) for c in notebook["cells"]]
    here = [(cell.kind, cell.text) for cell in cells]
    if len(there) != len(here):
        return [f"{len(there)} cells in the notebook, {len(here)} in the source"]
    return [
        f"cell {number} differs: {new[1].splitlines()[0]!r}"
        for number, (old, new) in enumerate(zip(there, here, strict=True))
        if old != new
    ]


def tidy(notebook: dict[str, Any]) -> None:
    """Makes the outputs of a notebook small and whole, in place.

    Pieces of one stream become one output; figures get a palette, and lose the text
    that stands for them. What the kernel says about itself goes.
    """
    notebook["metadata"] = copy.deepcopy(_METADATA)
    for cell in notebook["cells"]:
        merged: list[dict[str, Any]] = []
        for output in cell.get("outputs", ()):
            if output["output_type"] == "stream":
                text = join(output["text"])
                if merged and merged[-1].get("name") == output["name"]:
                    text = join(merged.pop()["text"]) + text
                output["text"] = text.splitlines(keepends=True)
            data = output.get("data", {})
            if "image/png" in data:
                output["data"] = {"image/png": _reduce(join(data["image/png"]))}
            merged.append(output)
        if "outputs" in cell:
            cell["outputs"] = merged


def _reduce(encoded: str) -> str:
    image = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    figure = Image.alpha_composite(ground, image).convert("RGB")
    with io.BytesIO() as file:
        figure.quantize(_NUM_COLOURS).save(file, "PNG", optimize=True)
        return base64.b64encode(file.getvalue()).decode()


def join(text: str | Sequence[str]) -> str:
    """A notebook's text, which may be in lines."""
    return text if isinstance(text, str) else "".join(text)


def read_text(cell: dict[str, Any]) -> str:
    """The text that a cell printed, without its value and images."""
    return "".join(
        join(output["text"])
        for output in cell.get("outputs", ())
        if output["output_type"] == "stream"
    )
