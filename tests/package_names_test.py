"""The names that packages export: they resolve, and types and values agree."""

from __future__ import annotations

import ast
import importlib
import pathlib
import sys

import pytest

from tests import processes
from tools import checkout_modules

CHECKOUT = pathlib.Path(__file__).parents[1]


def _read_tree(module: checkout_modules.Module) -> ast.Module:
    path = CHECKOUT / module.folder / f"{module.stem}.py"
    return ast.parse(path.read_text(encoding="utf-8"))


def _find_lazy() -> dict[str, ast.Module]:
    modules = checkout_modules.read_modules(CHECKOUT)
    trees = {n: _read_tree(m) for n, m in modules.items() if m.is_package}
    return {n: tree for n, tree in trees.items() if "make_getattr" in ast.unparse(tree)}


LAZY = _find_lazy()
PACKAGES = pytest.mark.parametrize("name", LAZY)


@PACKAGES
def test_names_are_those_that_type_checkers_see(name):
    package = importlib.import_module(name)
    (block,) = (node for node in LAZY[name].body if isinstance(node, ast.If))
    seen = {}
    for node in block.body:
        module = importlib.import_module(node.module)
        for alias in node.names:
            seen[alias.asname or alias.name] = getattr(module, alias.name)
    assert sorted(seen) == sorted(package.__all__)
    for exported, value in seen.items():
        assert getattr(package, exported) is value
        assert value.__doc__
        assert f"\n{exported} " in package.__doc__


@PACKAGES
def test_other_names_are_attribute_errors(name):
    package = importlib.import_module(name)
    with pytest.raises(AttributeError, match="no_such_name") as caught:
        package.no_such_name  # noqa: B018
    assert name in str(caught.value)


def test_importing_a_package_imports_none_of_its_modules():
    program = (
        "import sys, importlib\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "found = [m for m in sys.modules if m.rpartition('.')[0] in sys.argv[1:]]\n"
        "assert not found, found\n"
        "from alexnet_tf.config import *\n"
        "assert override and 'alexnet_tf.config.overrides' in sys.modules\n"
        "assert 'tensorflow' not in sys.modules"
    )
    result = processes.run_python("-c", program, *LAZY)
    assert result.returncode == 0, result.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
