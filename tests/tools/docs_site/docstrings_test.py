"""Tests of `tools.docs_site.docstrings`."""

from __future__ import annotations

import sys

import pytest

from tools.docs_site import docstrings


@pytest.mark.parametrize(
    "docstring, expected",
    [
        ("One line.", "One line."),
        # A formula, with its alignment.
        (
            "The rule.\n\n  v <- m * v\n    - w\n\nThen <more>.",
            "The rule.\n\n```text\nv <- m * v\n  - w\n```\n\nThen \\<more>.",
        ),
        # A formula directly below its text.
        ("A rate\n  b = 0\nor not.", "A rate\n\n```text\nb = 0\n```\n\nor not."),
        # A package's names.
        (
            "Names.\n\nbuild     a *network*\n          of layers\nget_name  its name",
            "Names.\n\n- `build`: a \\*network\\* of layers\n- `get_name`: its name",
        ),
        # A list, whose items go on below.
        ("- one\n  more\n- two", "- one\n  more\n- two"),
        # Sections are not code, and keep the stars of arguments.
        (
            "Runs.\n\nArgs:\n  a: the <first>.\n\n  **options: others, a * b.",
            "Runs.\n\nArgs:\n  a: the \\<first>.\n\n  **options: others, a \\* b.",
        ),
        (
            "Returns:\n  a\n\nThen\n\n  x = 1",
            "Returns:\n  a\n\nThen\n\n```text\nx = 1\n```",
        ),
        # Markdown would make links of these.
        (
            "shapes [N][3] and [N](x), `a[0][1]`",
            "shapes [N\\][3] and [N\\](x), `a[0][1]`",
        ),
    ],
)
def test_docstrings_become_markdown(docstring, expected):
    assert docstrings.make_markdown(docstring) == expected


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
