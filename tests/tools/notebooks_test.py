"""tools.notebooks: cells of a program, and notebooks of cells."""

from __future__ import annotations

import base64
import copy
import io
import sys

import numpy as np
import pytest
from PIL import Image

from tools import notebooks
from tools.notebooks import Cell

SOURCE = '''\
"""A program."""
# No cell.

# %% [markdown]
# # Title
#
# [Colab](https://colab.research.google.com/github/)

# %%
REPOSITORY = ""


# %% [markdown]
# ## 1 Introduction
# > a quotation

# %%
def double(x):
    return 2 * x


print(double(3))

# %% [markdown]
# ## 3 [The architecture](paper.md#3)
#
# ### 3.1 [ReLU](paper.md#31)

# %%
x = 1
'''
CELLS = [
    Cell(
        *("markdown", "# Title\n\n[Colab](https://colab.research.google.com/github/)"),
        "",
    ),
    Cell("code", 'REPOSITORY = ""', ""),
    Cell("markdown", "## 1 Introduction\n> a quotation", "1"),
    Cell("code", "def double(x):\n    return 2 * x\n\n\nprint(double(3))", "1"),
    Cell(
        *("markdown", "## 3 [The architecture](paper.md#3)\n\n### 3.1 [ReLU]"),
        "3.1",
    ),
    Cell("code", "x = 1", "3.1"),
]
CELLS[4] = Cell("markdown", f"{CELLS[4].text}(paper.md#31)", "3.1")


def test_cells_of_a_program():
    assert notebooks.read_cells(SOURCE) == CELLS


def test_text_that_is_no_comment_is_refused():
    with pytest.raises(ValueError, match="x = 1"):
        notebooks.read_cells("# %% [markdown]\n# text\nx = 1\n")


@pytest.mark.parametrize("address", [None, "https://host.example/us/alexnet"])
def test_without_an_address_on_github_nothing_changes(address):
    assert notebooks.fill_in_address(CELLS, address, "docs/a.ipynb") == CELLS


def test_the_address_leads_to_the_notebook():
    address = "https://github.com/us/alexnet"
    filled = notebooks.fill_in_address(CELLS, address, "docs/a.ipynb")
    page = "https://colab.research.google.com/github/us/alexnet/blob/main/docs/a.ipynb"
    assert filled[0].text == f"# Title\n\n[Colab]({page})"
    assert filled[1].text == f'REPOSITORY = "{address}"'
    assert filled[2:] == CELLS[2:]


def test_a_notebook_has_the_cells_in_the_format():
    notebook = notebooks.make_notebook(CELLS)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["cells"][1] == {
        "cell_type": "code",
        "execution_count": None,
        "id": "cell-01",
        "metadata": {},
        "outputs": [],
        "source": ['REPOSITORY = ""'],
    }
    assert notebook["cells"][2] == {
        "cell_type": "markdown",
        "id": "cell-02",
        "metadata": {},
        "source": ["## 1 Introduction\n", "> a quotation"],
    }
    nbformat = pytest.importorskip("nbformat", reason="the extra notebook is missing")
    nbformat.validate(nbformat.from_dict(notebook))


def test_differences_between_notebook_and_source():
    notebook = notebooks.make_notebook(CELLS)
    assert notebooks.find_differences(notebook, CELLS) == []
    changed = [*CELLS[:3], Cell("code", "y = 2", "1"), *CELLS[4:]]
    assert notebooks.find_differences(notebook, changed) == ["cell 3 differs: 'y = 2'"]
    assert notebooks.find_differences(notebook, CELLS[:-1]) == [
        "6 cells in the notebook, 5 in the source"
    ]


def _encode(image: Image.Image) -> str:
    with io.BytesIO() as file:
        image.save(file, "PNG")
        return base64.b64encode(file.getvalue()).decode()


def _decode(encoded: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def test_streams_are_joined_and_others_stay():
    notebook = notebooks.make_notebook(CELLS)
    value = {
        "output_type": "execute_result",
        "data": {"text/plain": ["6"]},
        "execution_count": 1,
        "metadata": {},
    }
    pieces = [("stdout", "a\nb"), ("stdout", "c"), ("stderr", "d\ne\n")]
    streams = [{"output_type": "stream", "name": n, "text": t} for n, t in pieces]
    last = {"output_type": "stream", "name": "stdout", "text": ["f\n"]}
    notebook["cells"][3]["outputs"] = copy.deepcopy([*streams, value, last])
    notebook["metadata"]["machine"] = "mine"
    notebooks.tidy(notebook)
    assert notebook["cells"][3]["outputs"] == [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "bc"]},
        {"output_type": "stream", "name": "stderr", "text": ["d\n", "e\n"]},
        value,
        last,
    ]
    assert "machine" not in notebook["metadata"]
    assert notebooks.read_text(notebook["cells"][3]) == "a\nbcd\ne\nf\n"


def test_a_figure_gets_a_palette_and_a_white_ground():
    pixels = np.zeros([64, 64, 4], np.uint8)
    # A gradient, and a transparent corner.
    pixels[..., 0] = np.arange(64)[:, None] * 4
    pixels[..., 2] = np.arange(64) * 4
    pixels[..., 3] = 255
    pixels[:8, :8, 3] = 0
    encoded = _encode(Image.fromarray(pixels))
    notebook = notebooks.make_notebook(CELLS)
    notebook["cells"][3]["outputs"] = [
        {
            "output_type": "display_data",
            "data": {"image/png": encoded, "text/plain": "<Figure>"},
            "metadata": {},
        }
    ]
    notebooks.tidy(notebook)
    (output,) = notebook["cells"][3]["outputs"]
    assert set(output["data"]) == {"image/png"}
    reduced = _decode(output["data"]["image/png"])
    assert reduced.mode == "P" and len(reduced.getcolors()) <= 64
    after = np.asarray(reduced.convert("RGB")).astype(int)
    assert after[:8, :8].min() > 240
    difference = np.abs(after[8:] - pixels[8:, :, :3])
    assert difference.mean() < 10


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
