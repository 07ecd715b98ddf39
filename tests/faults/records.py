"""The records of injected faults, one JSON file for each kind, and their page."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
from collections.abc import Iterable, Sequence

from alexnet_tf.runs import environment
from tests.faults.engine import Fault, Result
from tfrecords.durable import files, json_records

ROOT = pathlib.Path(__file__).parents[2]
DIRECTORY = ROOT / "docs" / "reliability"
PAGE = ROOT / "docs" / "reliability.md"


@dataclasses.dataclass(frozen=True)
class Record:
    """What happened when all cases of a fault were injected.

    Attributes:
      fault: the fault's name.
      num_cases: faults injected.
      failures: those after which the guarantee did not hold, with the reason.
      seconds: of all of them.
      seed: with which they can be repeated.
      date: of the end, YYYY-MM-DD.
      revision: of the code.
      machine: the processor and its cores.
      versions: "Python 3.11.7, TensorFlow 2.21.0".
    """

    fault: str
    num_cases: int
    failures: tuple[str, ...]
    seconds: float
    seed: int
    date: str
    revision: str
    machine: str
    versions: str


def make_record(fault: Fault, result: Result, seed: int) -> Record:
    """The record of a fault that was injected here and now."""
    found = environment.describe()
    return Record(
        fault=fault.name,
        num_cases=result.num_cases,
        failures=result.failures,
        seconds=round(result.seconds, 1),
        seed=seed,
        date=datetime.date.today().isoformat(),
        revision=found["git_revision"] or "unknown",
        machine=f"{found['cores']} cores of {found['cpu']}",
        versions=f"Python {found['python']}, TensorFlow {found['tensorflow']}",
    )


# By fault; one of each stack.
Records = dict[str, list[Record]]


def _make_key(record: Record) -> str:
    # The second stack, TensorFlow 2.15 with Keras 2, has records of its own.
    is_second = "TensorFlow 2.15" in record.versions
    return record.fault + ("-keras2" if is_second else "")


def save(record: Record, directory: pathlib.Path = DIRECTORY) -> None:
    """Writes a record into `directory`, over the one of the same fault and stack."""
    directory.mkdir(exist_ok=True)
    path = directory / f"{_make_key(record)}.json"
    files.write_json(str(path), dataclasses.asdict(record))


def read_all(directory: pathlib.Path = DIRECTORY) -> Records:
    """The records by fault, the default stack first."""
    found: dict[str, list[Record]] = {}
    for path in sorted(directory.glob("*.json"), key=lambda path: path.stem):
        record = json_records.read(str(path), Record)
        found.setdefault(record.fault, []).append(record)
    return found


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


def make_page(faults: Sequence[Fault], records: Records) -> str:
    """The page: tables of faults by section, in the order of `faults`."""
    parts = [_INTRODUCTION]
    every = [record for found in records.values() for record in found]
    total = sum(record.num_cases for record in every)
    failed = sum(len(record.failures) for record in every)
    parts.append(f"In all: {total:,} faults, {failed:,} failures.\n")
    for section in dict.fromkeys(fault.section for fault in faults):
        rows = [fault for fault in faults if fault.section == section]
        parts.append(f"## {section}\n")
        parts.append("\n".join(_make_table(rows, records)) + "\n")
        parts += _list_failures(rows, records)
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
    bound = f"{300 / record.num_cases:.2g} %" if not record.failures else ""
    where = (
        f"{record.date}, {record.revision}, seed {record.seed}, {record.versions}, "
        f"{record.machine}, {record.seconds:,.0f} s"
    )
    return [f"{record.num_cases:,}", f"{len(record.failures):,}", bound, where]


def _list_failures(faults: Iterable[Fault], records: Records) -> list[str]:
    return [
        f"- `{fault.name}`, {failure}\n"
        for fault in faults
        for record in records.get(fault.name, [])
        for failure in record.failures
    ]
