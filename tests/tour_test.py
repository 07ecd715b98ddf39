"""docs/tour.ipynb: it has outputs, reveals nothing of the machine, and runs again."""

from __future__ import annotations

import ast
import importlib
import json
import os
import pathlib
import re
import sys

import pytest

from tests import processes

CHECKOUT = pathlib.Path(__file__).parents[1]
PATH = CHECKOUT / "docs" / "tour.ipynb"
MAX_BYTES = 1_000_000

# Runs a notebook in a kernel of this interpreter; writes it, with its outputs, beside.
EXECUTE = """\
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
client = nbclient.NotebookClient(
    notebook,
    timeout=3600,
    kernel_name="python3",
    resources={"metadata": {"path": sys.argv[2]}},
)
client.execute()
nbformat.write(notebook, sys.argv[2] + "/executed.ipynb")
"""


def _read(path: pathlib.Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _list_code(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _read_text(cell: dict) -> str:
    """A cell's text outputs, without images."""
    parts = []
    for output in cell["outputs"]:
        parts += output.get("text", [])
        parts += output.get("data", {}).get("text/plain", [])
    return "".join(parts)


def _count_images(notebook: dict) -> int:
    return sum(
        "image/png" in output.get("data", {})
        for cell in _list_code(notebook)
        for output in cell["outputs"]
    )


def _check_outputs(notebook: dict) -> None:
    cells = _list_code(notebook)
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [o for o in outputs if o["output_type"] == "error"]
    text = "".join(map(_read_text, cells))
    assert "60,965,224" in text
    assert "{'train': 480, 'validation': 120}" in text
    # The images, the augmented one, the curves, the kernels, figure 4.
    assert _count_images(notebook) == 5
    top1_errors = [float(x) for x in re.findall(r"top-1 error +([\d.]+)%  \(", text)]
    assert len(top1_errors) == 2
    # Chance level for eight classes is an error of 87.5 %.
    assert max(top1_errors) < 75


def test_it_was_run_from_top_to_bottom():
    assert PATH.stat().st_size < MAX_BYTES
    _check_outputs(_read(PATH))


def test_it_names_no_path_of_a_machine():
    text = "".join(map(_read_text, _list_code(_read(PATH))))
    assert not re.search(r"/(home|root|tmp|work|usr|opt|Users)/", text)


def test_what_it_imports_exists():
    """The names alone; what they do is for the test that runs it."""
    for cell in _list_code(_read(PATH)):
        source = "".join(cell["source"])
        tree = ast.parse(re.sub("^%.*$", "", source, flags=re.MULTILINE))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                folder = CHECKOUT / node.module.replace(".", "/")
                if not folder.is_dir():
                    continue
                exported = getattr(importlib.import_module(node.module), "__all__", ())
                for alias in node.names:
                    module = folder / f"{alias.name}.py"
                    assert alias.name in exported or module.is_file(), alias.name


@pytest.mark.slow
def test_it_runs(tmp_path):
    pytest.importorskip("nbclient", reason="the extra notebook is not installed")
    pytest.importorskip("ipykernel", reason="the extra notebook is not installed")
    done = processes.run_python(
        "-c",
        EXECUTE,
        PATH,
        tmp_path,
        timeout=3600,
        JUPYTER_DATA_DIR=os.fspath(tmp_path / "jupyter"),
    )
    assert done.returncode == 0, done.stderr
    _check_outputs(_read(tmp_path / "executed.ipynb"))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
