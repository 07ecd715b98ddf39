"""Tests of `elsewhere`: the tests that the page names exist."""

from __future__ import annotations

import ast
import functools
import sys

import pytest

from tests.faults import elsewhere, page, records

CHECKOUT = records.ROOT


@functools.cache
def list_tests(path):
    """The names of a file's tests."""
    module = ast.parse((CHECKOUT / path).read_text(encoding="utf-8"))
    return {node.name for node in module.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    "test", [test for found in elsewhere.GUARANTEES for test in found.tests]
)
def test_the_tests_exist(test):
    path, name = test.split("::")
    assert name in list_tests(path)


def test_the_page_links_to_them():
    guarantee = elsewhere.Guarantee("It holds", ("tests/a_test.py::test_it",))
    text = page.make_page([], {}, [], [], [guarantee])
    assert "| It holds | [test_it](../tests/a_test.py) |" in text


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
