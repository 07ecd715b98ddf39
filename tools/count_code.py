"""Counts the files, lines and imports of every package of the checkout."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import sys

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords.console import command_line
from tools import checkout_modules

ROOT = pathlib.Path(__file__).resolve().parents[1]

SYNOPSIS = """\
python tools/count_code.py [--root=CHECKOUT]

Prints a table of the packages: files, lines (docstrings and comments included), the
longest file, and how many modules of other packages they import and are imported by."""

_ROOT = flags.DEFINE(
    command_line.PathParser(), "root", str(ROOT), "the checkout to count"
)


@dataclasses.dataclass
class Count:
    """A package's modules and lines, and the lines of the longest module.

    `imports` counts pairs of a module here and a module of another package that it
    imports, `importers` the same the other way round.
    """

    files: int = 0
    lines: int = 0
    longest: int = 0
    imports: int = 0
    importers: int = 0


def count_packages(root: pathlib.Path) -> dict[str, Count]:
    """The counts of each package of the checkout, and of what lies beside them."""
    modules = checkout_modules.read_modules(root)
    counts: dict[str, Count] = collections.defaultdict(Count)
    for name, module in modules.items():
        package = _get_package(name, modules)
        path = root / module.folder / f"{module.stem}.py"
        lines = len(path.read_text(encoding="utf-8").splitlines())
        count = counts[package]
        count.files += 1
        count.lines += lines
        count.longest = max(count.longest, lines)
        for imported in module.imports:
            other = _get_package(imported, modules)
            if other != package:
                count.imports += 1
                counts[other].importers += 1
    return dict(sorted(counts.items()))


def _get_package(name: str, modules: dict[str, checkout_modules.Module]) -> str:
    top, *rest = name.split(".")
    package = f"{top}.{rest[0]}" if rest else top
    return package if package in modules and modules[package].is_package else top


def make_table(counts: dict[str, Count]) -> str:
    """The counts as text: a row for each package, and a sum for each top folder."""
    head = ("package", "files", "lines", "longest", "imports", "imported")
    rows: list[tuple[str, ...]] = [head]
    tops = dict.fromkeys(name.split(".")[0] for name in counts)
    for top in tops:
        own = {n: c for n, c in counts.items() if n.split(".")[0] == top}
        rows += [(name, *map(str, dataclasses.astuple(c))) for name, c in own.items()]
        total = [
            sum(getattr(c, key) for c in own.values()) for key in ("files", "lines")
        ]
        longest = max(c.longest for c in own.values())
        rows.append((f"{top}, in all", *map(str, total), str(longest), "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def main() -> None:
    """Reads the flag, prints the table."""
    print(make_table(count_packages(pathlib.Path(_ROOT.value))))


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS, prints_result=lambda: True)
