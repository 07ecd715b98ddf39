"""Runs docs/tour.py, cell by cell, and writes docs/tour.ipynb."""

from __future__ import annotations

import json
import os
import pathlib
import sys
from typing import Any

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files
from tools import notebooks, setup_values

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCE, NOTEBOOK = "docs/tour.py", "docs/tour.ipynb"

SYNOPSIS = """\
python tools/build_tour.py [--check]

Runs the cells of docs/tour.py and writes them with their outputs to docs/tour.ipynb, in
about a minute. It needs the extra notebook."""

_CHECK = flags.DEFINE_bool(
    "check", False, f"only compare the notebook's cells with {SOURCE}"
)


def read_tour(root: pathlib.Path) -> list[notebooks.Cell]:
    """The cells of docs/tour.py in the checkout `root`.

    The repository's address is in them, where CITATION.cff states it.
    """
    address = setup_values.read(root)["arguments"]["url"]
    source = (root / SOURCE).read_text(encoding="utf-8")
    cells = notebooks.read_cells(source)
    return notebooks.fill_in_address(cells, address, NOTEBOOK)


def compare(root: pathlib.Path) -> None:
    """Raises `UserError` if the notebook in `root` has other cells than the source."""
    found = json.loads((root / NOTEBOOK).read_text(encoding="utf-8"))
    if different := notebooks.find_differences(found, read_tour(root)):
        raise errors.UserError(
            f"{NOTEBOOK} is not that of {SOURCE}: {'; '.join(different)}. Run python "
            "tools/build_tour.py."
        )


def build(root: pathlib.Path) -> str:
    """Runs the source in `root`, writes the notebook, and says what it wrote.

    Raises:
      UserError: if the extra `notebook` is missing, or a cell fails; nothing is written
        then.
      StorageError: if the notebook cannot be written.
    """
    cells = read_tour(root)
    notebook = _execute(notebooks.make_notebook(cells))
    notebooks.tidy(notebook)
    text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    files.write_bytes(str(root / NOTEBOOK), text.encode())
    return f"wrote {NOTEBOOK}: {len(cells)} cells, {len(text.encode()):,} bytes"


def _execute(notebook: dict[str, Any]) -> dict[str, Any]:
    # The notebook with its outputs, from a kernel of this interpreter.
    try:
        import ipykernel  # noqa: F401
        import nbclient
        import nbformat
    except ImportError as error:
        raise errors.UserError(
            f"{error.name} is not installed. Install what runs notebooks with "
            "pip install 'alexnet-tf[notebook]'."
        ) from error
    client = nbclient.NotebookClient(
        nbformat.reads(json.dumps(notebook), as_version=4),
        timeout=3600,
        kernel_name="python3",
        record_timing=False,
    )
    client.log.setLevel("WARNING")
    # Through files in a folder that no other user can read, not through ports.
    client.create_kernel_manager().transport = "ipc"
    try:
        executed = client.execute(env=_make_environment())
    except nbclient.exceptions.CellExecutionError as error:
        raise errors.UserError(
            f"{SOURCE} failed: {error.ename}: {error.evalue}. Correct it, or the code "
            "that it shows."
        ) from error
    written: dict[str, Any] = json.loads(nbformat.writes(executed))
    return written


def _make_environment() -> dict[str, str]:
    # The kernel imports the checkout's packages, and draws into the notebook.
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    inherited = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    return {**inherited, "PYTHONPATH": path}


def main() -> None:
    """Reads the flag; compares, or runs and writes."""
    if _CHECK.value:
        compare(ROOT)
    else:
        print(build(ROOT))


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
