"""Injects faults, writes their records and the page of all records.

python -m tests.faults [--faults=NAME,...] [--seed=0] [--output_dir=build/faults]
"""

from __future__ import annotations

import os

from absl import flags

from tests.faults import catalogue, controls, engine, page, records
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files

SYNOPSIS = """\
python -m tests.faults [--faults=NAME,...] [--seed=N] [--output_dir=O]
python -m tests.faults --controls [--safeguards=NAME,...]

Injects faults and compares what they leave with undisturbed runs. Writes a record for
each kind of fault to docs/reliability and the page docs/reliability.md. O keeps the
faults that are done: give the same command again to resume.

With --controls it switches safeguards off instead, one at a time, and injects faults
until one breaks a guarantee.

Exit codes: 0 success, 2 wrong usage, or a guarantee did not hold, or no fault found a
safeguard missing; 129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM."""

_FAULTS = flags.DEFINE_list(
    "faults", [], "which kinds; by default all but those that take hours"
)
_SEED = flags.DEFINE_integer("seed", 0, "chooses the random faults")
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "build/faults", "keeps the faults that are done"
)
_CONTROLS = flags.DEFINE_bool("controls", False, "switch safeguards off")
_SAFEGUARDS = flags.DEFINE_list("safeguards", [], "with --controls; all by default")


def main() -> None:
    """Does what the flags say, and writes the page."""
    try:
        if _CONTROLS.value:
            controls.run(_SAFEGUARDS.value)
        else:
            _inject()
    finally:
        files.write_bytes(str(page.PATH), catalogue.make_page().encode())


def _inject() -> None:
    for name in _FAULTS.value:
        if name not in catalogue.FAULTS:
            raise errors.UserError(
                f"there is no fault {name!r}. The faults are "
                f"{', '.join(catalogue.FAULTS)}."
            )
    files.make_directory(_OUTPUT_DIR.value)
    num_failed = 0
    names = [name for name, fault in catalogue.FAULTS.items() if not fault.takes_hours]
    for name in _FAULTS.value or names:
        fault = catalogue.FAULTS[name]
        if problem := fault.find_problem():
            print(f"{name} is skipped: {problem}.")
            continue
        log_path = os.path.join(_OUTPUT_DIR.value, f"{name}-{_SEED.value}.jsonl")
        result = engine.run(fault, _SEED.value, log_path=log_path)
        records.save(records.make_record(fault, result, _SEED.value))
        num_failed += len(result.failures)
        print(f"{name}: {result.num_faults:,} faults, {len(result.failures)} failures")
        for failure in result.failures[:5]:
            print(f"  {failure}")
    if num_failed:
        raise errors.DataError(f"{num_failed:,} faults broke a guarantee.")


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
