"""The checkout's modules as their text shows them: imports, kind, marks.

The BUILD files and the tests of the house rules are made from this. Nothing is
imported to find out.
"""

from __future__ import annotations

import ast
import collections.abc
import dataclasses
import pathlib
import re
import sys

TOP_FOLDERS = ("alexnet_tf", "tfrecords", "tools", "tests")
# Folders of data beside the tests; a test that names one gets its files.
DATA_FOLDERS = ("corpus", "golden", "testdata")


@dataclasses.dataclass(frozen=True)
class Module:
    """A Python file and what its target needs.

    Attributes:
      folder: where it lies, relative to the checkout ("tfrecords/sources").
      stem: the file's name without .py.
      rule: py_library, py_binary or py_test.
      imports: dotted names of the checkout's modules, packages' `__init__` by the
        package's name.
      third_party: top-level names of what comes from pip.
      data: labels of files that the test reads.
      slow: for a test: "none", "some" or "all" of its functions are marked slow.
    """

    folder: str
    stem: str
    rule: str
    imports: frozenset[str]
    third_party: frozenset[str]
    data: tuple[str, ...]
    slow: str

    @property
    def target(self) -> str:
        return self.folder.rpartition("/")[2] if self.is_package else self.stem

    @property
    def label(self) -> str:
        # //a/b is Bazel's own short form of //a/b:b.
        return f"//{self.folder}" + ("" if self.is_package else f":{self.stem}")

    @property
    def is_package(self) -> bool:
        return self.stem == "__init__"

    @property
    def name(self) -> str:
        folder = self.folder.replace("/", ".")
        return folder if self.is_package else f"{folder}.{self.stem}"


def read_modules(root: pathlib.Path) -> dict[str, Module]:
    """The checkout's modules by dotted name; `setup.py` is none."""
    paths = {}
    for top in TOP_FOLDERS:
        for path in sorted((root / top).rglob("*.py")):
            relative = path.relative_to(root)
            if not set(relative.parts) & set(DATA_FOLDERS):
                parts = relative.with_suffix("").parts
                paths[".".join(parts).removesuffix(".__init__")] = relative
    return {name: _read_module(root, path, paths) for name, path in paths.items()}


def find_users(
    modules: dict[str, Module], third_party: collections.abc.Set[str]
) -> set[str]:
    """Names of the modules whose imports, direct or not, reach `third_party`.

    These are top-level names of packages from pip.
    """
    users = {name for name, m in modules.items() if m.third_party & third_party}
    while more := {n for n, m in modules.items() if m.imports & users} - users:
        users |= more
    return users


def _read_module(
    root: pathlib.Path, path: pathlib.Path, names: collections.abc.Container[str]
) -> Module:
    tree = ast.parse((root / path).read_text(encoding="utf-8"), str(path))
    folder = path.parent.as_posix().replace("/", ".")
    imports, third_party = _find_imports(tree, names, folder)
    is_test = path.stem.endswith("_test")
    if is_test:
        imports |= _find_named_modules(tree, names)
        rule = "py_test"
    else:
        rule = "py_binary" if _runs_as_script(tree) else "py_library"
    return Module(
        folder=path.parent.as_posix(),
        stem=path.stem,
        rule=rule,
        imports=frozenset(imports),
        third_party=frozenset(third_party),
        data=_find_data(tree, root) if is_test else (),
        slow=_find_slow(tree) if is_test else "none",
    )


def _find_imports(
    tree: ast.Module, names: collections.abc.Container[str], folder: str
) -> tuple[set[str], set[str]]:
    own, third_party = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            candidates = [(alias.name, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import name`: name is a module or something in package.
            candidates = [
                (f"{node.module}.{alias.name}", node.module) for alias in node.names
            ]
        else:
            continue
        for longer, shorter in candidates:
            top = shorter.partition(".")[0]
            if top in TOP_FOLDERS:
                name = longer if longer in names else shorter
                if name in names:
                    own.add(name)
            elif folder.startswith("tests") and f"{folder}.{top}" in names:
                # A module beside the test, whose folder is on the path.
                own.add(f"{folder}.{top}")
            elif top not in sys.stdlib_module_names:
                third_party.add(top)
    return own, third_party


def _find_named_modules(
    tree: ast.Module, names: collections.abc.Container[str]
) -> set[str]:
    """Modules in a test's texts: what it runs with -m or in a process of its own."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    found = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        ):
            for dotted in re.findall(r"[a-z_]+(?:\.[a-z_]\w*)+", node.value):
                if dotted in names:
                    found.add(dotted)
            for package, module in re.findall(
                r"from ([a-z_.]+) import ([a-z_]\w*)", node.value
            ):
                if f"{package}.{module}" in names:
                    found.add(f"{package}.{module}")
    return found


def _runs_as_script(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
        for node in tree.body
    )


def _find_data(tree: ast.Module, root: pathlib.Path) -> tuple[str, ...]:
    data = ["//:pyproject.toml"]
    for node in ast.walk(tree):
        # The convention: a test that reads the checkout's files calls its root
        # CHECKOUT.
        if isinstance(node, ast.Name) and node.id == "CHECKOUT":
            data.append("//:checkout")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            folder = node.value.partition("/")[0]
            if folder in list_data_folders(root):
                data.append(f"//tests:{folder}")
    return tuple(sorted(set(data)))


def list_data_folders(root: pathlib.Path) -> list[str]:
    """Those of `DATA_FOLDERS` that hold files in the checkout `root`."""
    return [
        name
        for name in DATA_FOLDERS
        if any(path.is_file() for path in (root / "tests" / name).rglob("*"))
    ]


def _find_slow(tree: ast.Module) -> str:
    marks = [
        any("mark.slow" in ast.unparse(mark) for mark in node.decorator_list)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
    ]
    whole_file = any(
        isinstance(node, ast.Assign) and "mark.slow" in ast.unparse(node)
        for node in tree.body
    )
    if whole_file or (marks and all(marks)):
        return "all"
    return "some" if any(marks) else "none"
