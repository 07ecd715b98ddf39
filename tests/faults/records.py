"""The records of injected faults, one JSON file for each kind, and their page."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
from collections.abc import Sequence

from alexnet_tf.runs import environment
from tests.faults.engine import Fault, Result
from tfrecords.durable import files, json_records

ROOT = pathlib.Path(__file__).parents[2]
DIRECTORY = ROOT / "docs" / "reliability"
_CONTROLS_NAME = "controls.json"
PAGE = ROOT / "docs" / "reliability.md"


@dataclasses.dataclass(frozen=True)
class Record:
    """What happened when all cases of a fault were injected.

    Attributes:
      fault: the fault's name.
      num_faults: faults injected.
      failures: those after which the guarantee did not hold, with the reason.
      seconds: of all of them.
      seed: with which they can be repeated.
      date: of the end, YYYY-MM-DD.
      revision: of the code.
      machine: the processor and its cores.
      versions: "Python 3.11.7, TensorFlow 2.21.0".
      measured: what was measured beside.
    """

    fault: str
    num_faults: int
    failures: tuple[str, ...]
    seconds: float
    seed: int
    date: str
    revision: str
    machine: str
    versions: str
    measured: tuple[str, ...] = ()


def make_record(fault: Fault, result: Result, seed: int) -> Record:
    """The record of a fault that was injected here and now."""
    found = environment.describe()
    return Record(
        fault=fault.name,
        num_faults=result.num_faults,
        failures=result.failures,
        seconds=round(result.seconds, 1),
        seed=seed,
        date=datetime.date.today().isoformat(),
        revision=found["git_revision"] or "unknown",
        machine=f"{found['cores']} cores of {found['cpu']}",
        versions=f"Python {found['python']}, TensorFlow {found['tensorflow']}",
        measured=result.measured,
    )


@dataclasses.dataclass(frozen=True)
class Control:
    """What happened when a safeguard was switched off.

    Attributes:
      safeguard: its name.
      fault: the kind of fault that was injected.
      num_faults: faults injected until a guarantee broke.
      found: the case and what was wrong, or "" if nothing was.
    """

    safeguard: str
    fault: str
    num_faults: int
    found: str


@dataclasses.dataclass(frozen=True)
class _ControlsFile:
    controls: tuple[Control, ...]


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
        if path.name == _CONTROLS_NAME:
            continue
        record = json_records.read(str(path), Record)
        found.setdefault(record.fault, []).append(record)
    return found


def save_controls(
    controls: Sequence[Control], directory: pathlib.Path = DIRECTORY
) -> None:
    """Writes what was found without each safeguard."""
    directory.mkdir(exist_ok=True)
    value = dataclasses.asdict(_ControlsFile(tuple(controls)))
    files.write_json(str(directory / _CONTROLS_NAME), value)


def read_controls(directory: pathlib.Path = DIRECTORY) -> tuple[Control, ...]:
    """What was found without each safeguard; empty if nothing was tried."""
    path = directory / _CONTROLS_NAME
    if not path.exists():
        return ()
    return json_records.read(str(path), _ControlsFile).controls
