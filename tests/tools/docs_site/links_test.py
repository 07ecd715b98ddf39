"""Tests of `tools.docs_site.links`."""

from __future__ import annotations

import sys

import pytest

from tests import documentation
from tools.docs_site import links

PAGES = {
    "README.md": "index.md",
    "docs/data.md": "data.md",
    "docs/training.md": "training.md",
    "docs/images/a.png": "images/a.png",
    "docs/tour.ipynb": "tour.md",
}
URL = "https://host/us"


def _rewrite(text, source, url=URL, pages=PAGES):
    return links.rewrite(text, source, pages, documentation.CHECKOUT, url)


@pytest.mark.parametrize(
    "source, text, expected",
    [
        ("README.md", "[d](docs/data.md)", "[d](data.md)"),
        ("README.md", "[d](docs/data.md#x-y)", "[d](data.md#x-y)"),
        ("README.md", "![an image](docs/images/a.png)", "![an image](images/a.png)"),
        ("README.md", "[t](docs/tour.ipynb)", "[t](tour.md)"),
        ("README.md", "[L](LICENSE)", f"[L]({URL}/blob/main/LICENSE)"),
        ("docs/data.md", "[r](../README.md#top)", "[r](index.md#top)"),
        ("docs/data.md", "[t](training.md)", "[t](training.md)"),
        (
            "docs/data.md",
            "[`a[0]`](../tfrecords/errors.py), [b](#b)",
            f"[`a[0]`]({URL}/blob/main/tfrecords/errors.py), [b](#b)",
        ),
        ("docs/data.md", "![i](../LICENSE)", f"![i]({URL}/raw/main/LICENSE)"),
        ("docs/data.md", "[x](https://a.b/c.md)", "[x](https://a.b/c.md)"),
        ("docs/data.md", "[m](mailto:a@b.c)", "[m](mailto:a@b.c)"),
        # MkDocs refuses it.
        ("docs/data.md", "[n](../no/such.py)", "[n](../no/such.py)"),
        # Brackets, as GitHub reads them.
        ("docs/data.md", "[p q] [r, s]^T", "[p q\\] [r, s]^T"),
        ("docs/data.md", "[p][r]\n\n[r]: https://a.b", "[p][r]\n\n[r]: https://a.b"),
        ("docs/data.md", "x[^p][^q] `[a][b]`", "x[^p][^q] `[a][b]`"),
        # Code is no link.
        ("docs/data.md", "`[r](../README.md)`", "`[r](../README.md)`"),
        (
            "docs/data.md",
            "```\n[r](../README.md)\n```\n[r](../README.md)",
            "```\n[r](../README.md)\n```\n[r](index.md)",
        ),
    ],
)
def test_links_of_a_page(source, text, expected):
    assert _rewrite(text, source) == expected


def test_without_an_address_only_the_text_stays():
    text = "see [`errors.py`](../tfrecords/errors.py) and [data](data.md)"
    rewritten = _rewrite(text, "docs/training.md", None)
    assert rewritten == "see `errors.py` and [data](data.md)"


def test_a_page_in_a_folder_of_the_site():
    pages = {**PAGES, "docs/more/a.md": "more/a.md"}
    text = "[d](../data.md) [r](../../README.md)"
    rewritten = _rewrite(text, "docs/more/a.md", None, pages)
    assert rewritten == "[d](../data.md) [r](../index.md)"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
