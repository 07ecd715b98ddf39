"""Tests of `tools.docs_site.markdown_extension`."""

from __future__ import annotations

import sys

import pytest

from tests import optional

markdown = optional.require(__name__, "markdown", "the extra docs is not installed")
EXTENSION = "tools.docs_site.markdown_extension"
# As GitHub has them: items go on, and lists and code nest, after two spaces.
TEXT = "- one\n\n  more\n\n  - inner\n- two ![i](a.png)\n"


def test_lists_of_two_spaces_and_lazy_images():
    html = markdown.markdown(TEXT, extensions=["sane_lists", EXTENSION])
    assert html.startswith("<ul>") and html.endswith("</ul>")
    assert html.index("more") < html.index("inner") < html.index("</ul>")
    assert '<img alt="i" loading="lazy" src="a.png"' in html


def test_without_it_the_list_ends_after_its_first_item():
    html = markdown.markdown(TEXT)
    assert html.index("</ul>") < html.index("more")
    assert "loading" not in html


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
