"""Tests of `tools.docs_site.comments`."""

from __future__ import annotations

import sys

import pytest

from tools.docs_site import comments

LINES = """\
class A:
    a: int  # beside
    # above,
    # in two lines
    b: int
    c: int

    # not of d

    d: int
    # above
    e: int  # beside wins
    f: int = g(
        1,
    )  # beside its end
    g: int  # noqa: E501
""".splitlines()


@pytest.mark.parametrize(
    "first, last, expected",
    [
        (2, 2, "beside"),
        (5, 5, "above, in two lines"),
        (6, 6, ""),
        (10, 10, ""),
        (12, 12, "beside wins"),
        (13, 15, "beside its end"),
        (16, 16, ""),
        (1, 1, ""),
    ],
)
def test_the_comment_of_a_field(first, last, expected):
    assert comments.find(LINES, first, last) == expected


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
