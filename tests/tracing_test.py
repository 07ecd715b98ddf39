"""Every `tf.function` is traced as it stands, without AutoGraph.

None needs its conversion of Python's branches and loops, and loading it takes three
seconds of a process's first step.
"""

from __future__ import annotations

import ast
import pathlib
import sys

import pytest

from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[1]
MODULES = checkout_modules.read_modules(CHECKOUT)
SHIPPED = sorted(name for name in MODULES if not name.startswith("tests."))


def find_converted(tree: ast.AST) -> list[int]:
    """The lines of `tf.function` without `autograph=False`."""
    told = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and any(
            keyword.arg == "autograph" and ast.unparse(keyword.value) == "False"
            for keyword in node.keywords
        )
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) == "tf.function"
        and id(node) not in told
    ]


@pytest.mark.parametrize("name", SHIPPED)
def test_no_function_is_converted(name):
    module = MODULES[name]
    path = CHECKOUT / module.folder / f"{module.stem}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert find_converted(tree) == [], f"{name}: say autograph=False"


def test_what_would_be_converted_is_found():
    text = "@tf.function\ndef f(): ...\ng = tf.function(f)\n"
    assert find_converted(ast.parse(text)) == [1, 3]
    text = text.replace("tf.function\n", "tf.function(autograph=False)\n")
    assert find_converted(ast.parse(text)) == [3]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
