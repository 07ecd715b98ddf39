"""tools.build_tour: from a program to a notebook with outputs, whole or not at all."""

from __future__ import annotations

import json
import pathlib
import shutil
import sys

import pytest

from tests import processes, scripts
from tfrecords import errors
from tools import notebooks

build_tour = scripts.import_script("tools.build_tour")

CHECKOUT = pathlib.Path(__file__).parents[2]
SOURCE = """\
# %% [markdown]
# # Title
# [Colab](https://colab.research.google.com/github/)

# %%
import tfrecords

REPOSITORY = ""
print("version", tfrecords.__version__)

# %%
print("done")
"""


@pytest.fixture
def root(tmp_path):
    """A checkout with what the tool reads."""
    for name in ("setup.py", "README.md", "tfrecords/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(CHECKOUT / name, tmp_path / name)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/tour.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def _require_kernel():
    pytest.importorskip("nbclient", reason="the extra notebook is not installed")
    pytest.importorskip("ipykernel", reason="the extra notebook is not installed")


def test_writes_the_cells_with_their_outputs(root):
    _require_kernel()
    assert "docs/tour.ipynb: 3 cells" in build_tour.build(root)
    notebook = json.loads((root / "docs/tour.ipynb").read_text(encoding="utf-8"))
    build_tour.compare(root)
    _, first, second = notebook["cells"]
    assert notebooks.read_text(first).startswith("version 0.")
    assert notebooks.read_text(second) == "done\n"
    assert [first["execution_count"], second["execution_count"]] == [1, 2]


def test_a_cell_that_fails_is_reported_and_nothing_is_written(root):
    _require_kernel()
    path = root / "docs/tour.ipynb"
    path.write_text("{}")
    (root / "docs/tour.py").write_text(f"{SOURCE}assert 1 > 2, 'one is less'\n")
    with pytest.raises(errors.UserError, match="AssertionError: one is less"):
        build_tour.build(root)
    assert path.read_text() == "{}"
    assert [each.name for each in (root / "docs").iterdir()] == [
        "tour.py",
        "tour.ipynb",
    ]


def test_a_missing_package_is_named(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbclient", None)
    with pytest.raises(errors.UserError, match=r"nbclient .* 'alexnet-tf\[notebook\]'"):
        build_tour.build(root)


def test_the_address_of_the_citation_is_filled_in(root):
    assert build_tour.read_tour(root)[1].text.count('REPOSITORY = ""') == 1
    line = 'repository-code: "https://github.com/us/alexnet"\n'
    (root / "CITATION.cff").write_text("cff-version: 1.2.0\n" + line)
    text, code, _ = build_tour.read_tour(root)
    assert "/github/us/alexnet/blob/main/docs/tour.ipynb)" in text.text
    assert 'REPOSITORY = "https://github.com/us/alexnet"' in code.text


def test_another_source_is_noticed(root):
    notebook = notebooks.make_notebook(build_tour.read_tour(root))
    (root / "docs/tour.ipynb").write_text(json.dumps(notebook))
    build_tour.compare(root)
    (root / "docs/tour.py").write_text(SOURCE.replace("done", "over"))
    with pytest.raises(errors.UserError, match="cell 2 differs"):
        build_tour.compare(root)


def test_the_checkout_is_compared():
    done = processes.run_python(CHECKOUT / "tools/build_tour.py", "--check")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
