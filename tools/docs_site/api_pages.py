"""The pages of the API: one per package that exports names, made from its source."""

from __future__ import annotations

import ast
import pathlib

# What users program against without importing it by an `__all__`: all public classes
# and functions of these are shown.
_INTERFACES = (
    # Every setting.
    "alexnet_tf.config.schema",
    # What every function raises.
    "tfrecords.errors",
    # A new source.
    "tfrecords.sources",
)


def list_packages(root: pathlib.Path) -> dict[str, dict[str, list[str]]]:
    """By package, in alphabetical order: its modules, with the names that each exports.

    These are the names in the package's `__all__`, by the module that defines them,
    which may be the package itself. Nothing is imported.

    Args:
      root: the checkout.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for top in ("alexnet_tf", "tfrecords"):
        for path in sorted((root / top).rglob("__init__.py")):
            package = ".".join(path.parent.relative_to(root).parts)
            modules = _read_exports(_parse(path), package)
            for name in _INTERFACES:
                if name == package or name in modules:
                    defined = _read_definitions(root, name)
                    more = [x for x in modules.get(name, ()) if x not in defined]
                    modules[name] = defined + more
            if modules:
                found[package] = modules
    found |= {
        name: {name: _read_definitions(root, name)}
        for name in _INTERFACES
        if not any(name in modules for modules in found.values())
    }
    return dict(sorted(found.items()))


def _parse(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _read_exports(tree: ast.Module, package: str) -> dict[str, list[str]]:
    exported: list[str] = []
    origins: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            exported = ast.literal_eval(node.value)
        elif isinstance(node, ast.ImportFrom) and node.module:
            origins |= {x.asname or x.name: node.module for x in node.names}
    modules: dict[str, list[str]] = {}
    for name in exported:
        modules.setdefault(origins.get(name, package), []).append(name)
    return modules


def _read_definitions(root: pathlib.Path, module: str) -> list[str]:
    path = root.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    definitions = (ast.ClassDef, ast.FunctionDef)
    names = [x.name for x in _parse(path).body if isinstance(x, definitions)]
    return [name for name in names if not name.startswith("_")]


def make_page(package: str, modules: dict[str, list[str]]) -> str:
    """The Markdown of a page, whose content mkdocstrings inserts.

    The package comes first, then its modules, whose docstrings have the formulas.
    """
    text = f"# {package}\n\n"
    if package not in modules:
        text += f"::: {package}\n    options:\n      members: []\n\n"
    for module, names in modules.items():
        is_package = module == package
        listed = "".join(f"\n        - {name}" for name in names)
        text += (
            f"::: {module}\n"
            "    options:\n"
            f"      show_root_heading: {str(not is_package).lower()}\n"
            f"      show_root_toc_entry: {str(not is_package).lower()}\n"
            f"      members:{listed}\n\n"
        )
    return text
