"""The page of all records: docs/reliability.md."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterable, Sequence

from tests.faults.elsewhere import Guarantee
from tests.faults.engine import Fault
from tests.faults.records import Control, Record, Records
from tests.faults.safeguards import Safeguard
from tfrecords.plurals import counted

_UPSTREAM_DIRECTORY = pathlib.Path(__file__).with_name("upstream")
PATH = pathlib.Path(__file__).parents[2] / "docs" / "reliability.md"

_INTRODUCTION = """\
# Reliability

<!-- Written by `make faults`; a test compares it with the records. -->

Each row is a kind of fault that was injected on purpose: the program was stopped, its
disk failed, or its input was damaged, and what it left was compared with an undisturbed
run. `make faults` injects all of them again; a short selection runs with the tests. A
record for each row, with seed, versions and date, is in `docs/reliability/`.

No failure in N faults does not mean that there is none: with 95 % confidence, at most
one in N/3 such faults would break the guarantee (the rule of three). The *bound* is
3/N.
"""

_UPSTREAM = """\
## Faults of TensorFlow, Keras and Python

These programs show faults that the project shields its users from. Each prints what
happened. They were run with TensorFlow 2.21.0, Keras 3.15.1 and Python 3.11.7, and a
test runs them again.
"""

_ELSEWHERE = """\
## Other guarantees

These are checked by tests of their own, not by injected faults.

| guarantee | tests |
|---|---|"""

_CONTROLS = """\
## Controls

A fault that cannot fail shows nothing. So each safeguard was switched off, one at a
time, and faults were injected until one broke its guarantee (`make faults-controls`).
"""


def make_page(
    faults: Sequence[Fault],
    records: Records,
    safeguards: Sequence[Safeguard],
    controls: Sequence[Control],
    guarantees: Sequence[Guarantee] = (),
) -> str:
    """Tables of faults by section, of guarantees, of safeguards, in these orders."""
    every = [record for found in records.values() for record in found]
    total = sum(record.num_faults for record in every)
    failed = sum(len(record.failures) for record in every)
    parts = [
        _INTRODUCTION,
        f"In all: {counted(total, 'fault')}, {counted(failed, 'failure')}.\n",
    ]
    for section in dict.fromkeys(fault.section for fault in faults):
        rows = [fault for fault in faults if fault.section == section]
        parts.append(f"## {section}\n")
        parts.append("\n".join(_make_table(rows, records)) + "\n")
        parts += _list_details(rows, records)
    parts.append(_ELSEWHERE)
    parts[-1] += "".join(f"\n| {g.text} | {_link(g.tests)} |" for g in guarantees)
    parts[-1] += "\n"
    parts.append(_CONTROLS)
    parts.append("\n".join(_make_controls_table(safeguards, controls)) + "\n")
    parts.append(_UPSTREAM)
    parts += [_show_program(path) for path in list_upstream()]
    return "\n".join(parts)


def _make_table(faults: Iterable[Fault], records: Records) -> list[str]:
    lines = [
        "| fault | guarantee | injected | failures | bound | when, on what |",
        "|---|---|---|---|---|---|",
    ]
    for fault in faults:
        for record in records.get(fault.name, [None]):
            cells = [fault.injected, fault.guarantee, *_describe(record)]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _describe(record: Record | None) -> list[str]:
    if record is None:
        return ["not yet", "", "", ""]
    bound = f"{300 / record.num_faults:.2g} %" if not record.failures else ""
    revision = record.revision[:7]
    if record.revision.endswith("-dirty"):
        revision += " with changes"
    where = (
        f"{record.date}, {revision}, seed {record.seed}, {record.versions}, "
        f"{record.machine}, {record.seconds:,.0f} s"
    )
    return [f"{record.num_faults:,}", f"{len(record.failures):,}", bound, where]


def _list_details(faults: Iterable[Fault], records: Records) -> list[str]:
    return [
        f"- `{fault.name}`, {detail}\n"
        for fault in faults
        for record in records.get(fault.name, [])
        for detail in (*record.failures, *record.measured)
    ]


def _link(tests: Sequence[str]) -> str:
    pairs = (test.split("::") for test in tests)
    return "; ".join(f"[{name}](../{path})" for path, name in pairs)


def _make_controls_table(
    safeguards: Iterable[Safeguard], controls: Iterable[Control]
) -> list[str]:
    found = {control.safeguard: control for control in controls}
    lines = [
        "| safeguard that was switched off | faults until a guarantee broke | which |",
        "|---|---|---|",
    ]
    for safeguard in safeguards:
        control = found.get(safeguard.name)
        if control is None:
            cells = ["not yet", ""]
        elif control.found:
            case = control.found.partition(":")[0]
            cells = [f"{control.num_faults:,}", f"`{control.fault}`, {case}"]
        else:
            cells = [f"none in {control.num_faults:,}", f"`{control.fault}`"]
        lines.append(f"| {safeguard.title} | {' | '.join(cells)} |")
    return lines


def list_upstream() -> list[pathlib.Path]:
    """The programs that show faults of others."""
    return sorted(_UPSTREAM_DIRECTORY.glob("[a-z]*.py"))


def _show_program(path: pathlib.Path) -> str:
    """The program with its docstring as text before it."""
    module = ast.parse(text := path.read_text(encoding="utf-8"))
    title, _, explanation = (ast.get_docstring(module) or "").partition("\n\n")
    code = text.split('"""', 2)[2].strip()
    return f"### {title.rstrip('.')}\n\n{explanation}\n\n```py\n{code}\n```\n"
