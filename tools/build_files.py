"""Writes the Bazel BUILD files from the imports of the Python files.

A target for every module: `py_test` for `*_test.py`, `py_binary` for what runs as a
script, `py_library` for the rest; its `deps` are the modules it imports. What comes
from pip is a comment: Bazel runs the targets with an interpreter that holds it.
"""

from __future__ import annotations

import collections
import pathlib
import sys

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files
from tools import checkout_modules
from tools.checkout_modules import Module

_CHECK = flags.DEFINE_bool(
    "check", False, "Write nothing; fail where a BUILD file and the imports disagree."
)

_SYNOPSIS = """\
Writes the Bazel BUILD files from the imports of the Python files.

  python tools/build_files.py [--check]
"""

_ROOT_FILES = (
    ".bazelignore",
    ".ci/run",
    ".dockerignore",
    ".github/workflows/ci.yml",
    ".pre-commit-config.yaml",
    "BUILD",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "Dockerfile",
    "LICENSE",
    "MODULE.bazel",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "WORKSPACE",
    "mkdocs.yml",
    "pyproject.toml",
    "setup.py",
)
_HEADER = '"""Written by tools/build_files.py from the imports; a test compares."""\n'


def compute_deps(module: Module, modules: dict[str, Module]) -> list[str]:
    """The labels of `module`'s deps.

    Importing a.b.c runs the `__init__` of a and of a.b, so these are deps too, except
    that a library leaves out those of the packages it lies in: whoever imports it
    from outside brings them, and a package that imports its own modules would be a
    cycle.
    """
    inside = module.name + "." if module.is_package else module.name
    needed = set()
    for name in module.imports - {module.name}:
        needed.add(name)
        parts = name.split(".")
        for length in range(1, len(parts)):
            package = ".".join(parts[:length])
            is_ancestor = inside.startswith(package + ".")
            if package in modules and (module.rule != "py_library" or not is_ancestor):
                needed.add(package)
    labels = []
    for name in needed:
        other = modules[name]
        local = other.folder == module.folder
        labels.append(f":{other.target}" if local else other.label)
    # Bazel's own order: this package's targets first.
    return sorted(labels, key=lambda label: (not label.startswith(":"), label))


def make_build_files(root: pathlib.Path) -> dict[str, str]:
    """The text of every BUILD file by its path relative to the checkout `root`."""
    modules = checkout_modules.read_modules(root)
    folders: dict[str, list[Module]] = collections.defaultdict(list)
    for module in modules.values():
        folders[module.folder].append(module)
    data = checkout_modules.list_data_folders(root)
    labels = [f"//{folder}:all_files" for folder in sorted(folders)]
    labels += [f"//tests:{name}" for name in data]
    texts = {"BUILD": _make_root(labels)}
    for folder, members in folders.items():
        texts[f"{folder}/BUILD"] = _make_package(
            members, modules, data if folder == "tests" else []
        )
    return texts


def _make_root(labels: list[str]) -> str:
    files = [*_ROOT_FILES, *labels]
    return "\n".join(
        [
            _HEADER,
            'exports_files(["pyproject.toml"])',
            "",
            "# What the tests that read the checkout itself read.",
            "filegroup(",
            '    name = "checkout",',
            f"    srcs = {_make_list(files)} + glob(",
            '        ["docs/**"],',
            "        allow_empty = True,",
            "    ),",
            '    visibility = ["//visibility:public"],',
            ")",
            "",
        ]
    )


def _make_package(
    members: list[Module], modules: dict[str, Module], data_folders: list[str]
) -> str:
    rules = ", ".join(f'"{rule}"' for rule in sorted({m.rule for m in members}))
    blocks = [
        _HEADER,
        f'load("@rules_python//python:defs.bzl", {rules})',
        "",
        'package(default_visibility = ["//visibility:public"])',
        "",
        'filegroup(\n    name = "all_files",\n    srcs = glob(["*"]),\n)',
        "",
    ]
    for name in data_folders:
        blocks += [
            f'filegroup(\n    name = "{name}",\n    srcs = glob(["{name}/**"]),\n)',
            "",
        ]
    for module in sorted(members, key=lambda module: module.stem):
        blocks += [_make_target(module, modules), ""]
    return "\n".join(blocks)


def _make_target(module: Module, modules: dict[str, Module]) -> str:
    lines = [f"{module.rule}(", f'    name = "{module.target}",']
    if module.rule == "py_test":
        timeout = "moderate" if module.slow == "none" else "long"
        lines.append(f'    timeout = "{timeout}",')
    lines.append(f'    srcs = ["{module.stem}.py"],')
    if module.data:
        lines.append(f"    data = {_make_list(module.data)},")
    if module.rule != "py_library":
        # A generated tests/tfrecords/__init__.py would hide the package tfrecords.
        lines.append("    legacy_create_init = 0,")
    if module.slow == "all":
        lines.append('    tags = ["slow"],')
    if module.third_party:
        lines.append(f"    # From pip: {', '.join(sorted(module.third_party))}.")
    deps = compute_deps(module, modules)
    if deps:
        lines.append(f"    deps = {_make_list(deps)},")
    return "\n".join([*lines, ")"])


def _make_list(values: collections.abc.Sequence[str]) -> str:
    if len(values) == 1:
        return f'["{values[0]}"]'
    return "\n".join(["[", *(f'        "{value}",' for value in values), "    ]"])


def find_differences(root: pathlib.Path) -> list[str]:
    """The BUILD files that are missing, stale or left over, sorted."""
    texts = make_build_files(root)
    found = {
        path.relative_to(root).as_posix()
        for top in checkout_modules.TOP_FOLDERS
        for path in (root / top).rglob("BUILD")
    } | {"BUILD"}
    return sorted(
        name
        for name in found | set(texts)
        if not (root / name).is_file()
        or (root / name).read_text(encoding="utf-8") != texts.get(name)
    )


def main() -> None:
    """Writes the files that differ, or with --check names them."""
    root = pathlib.Path(__file__).resolve().parents[1]
    different = find_differences(root)
    if _CHECK.value:
        if different:
            raise errors.UserError(
                f"{', '.join(different)}: not what the imports say. Run python "
                "tools/build_files.py."
            )
        return
    texts = make_build_files(root)
    for name in different:
        if name in texts:
            files.write_bytes(str(root / name), texts[name].encode())
        else:
            (root / name).unlink()
        print(name)


if __name__ == "__main__":
    command_line.run(main, __name__, _SYNOPSIS)
