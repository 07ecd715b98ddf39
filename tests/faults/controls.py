"""Switches safeguards off, one at a time: a fault must find each of them missing.

python -m tests.faults.controls [--safeguards=NAME,...]
"""

from __future__ import annotations

from absl import flags

from tests.faults import catalogue, engine, page, records, safeguards
from tests.faults.safeguards import Safeguard
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files

SYNOPSIS = """\
python -m tests.faults.controls [--safeguards=NAME,...]

Switches each safeguard off and injects faults until one breaks a guarantee. A safeguard
whose loss no fault finds is an error: either the faults or the safeguard are useless.
Writes what was found to docs/reliability/controls.json and the page.

Exit codes: 0 success, 2 wrong usage or a safeguard whose loss was not found."""

_SAFEGUARDS = flags.DEFINE_list("safeguards", [], "which; all by default")
_MAX_CASES = 60


def find_loss(safeguard: Safeguard, seed: int = 0) -> records.Control:
    """Injects faults without a safeguard until a guarantee breaks."""
    with safeguards.switched_off(safeguard):
        result = engine.run(
            catalogue.FAULTS[safeguard.fault],
            seed,
            num_cases=_MAX_CASES,
            pattern=safeguard.cases,
            stops_at_failure=True,
        )
    found = result.failures[0] if result.failures else ""
    return records.Control(
        safeguard=safeguard.name,
        fault=safeguard.fault,
        num_faults=result.num_faults,
        found=found.partition("\n")[0][:200],
    )


def main() -> None:
    """Switches the safeguards off, one after the other."""
    for name in _SAFEGUARDS.value:
        if name not in safeguards.SAFEGUARDS:
            raise errors.UserError(
                f"there is no safeguard {name!r}. The safeguards are "
                f"{', '.join(safeguards.SAFEGUARDS)}."
            )
    found = {control.safeguard: control for control in records.read_controls()}
    for name in _SAFEGUARDS.value or safeguards.SAFEGUARDS:
        safeguard = safeguards.SAFEGUARDS[name]
        fault = catalogue.FAULTS[safeguard.fault]
        if problem := fault.find_problem():
            print(f"{name} is skipped: {problem}.")
            continue
        control = found[name] = find_loss(safeguard)
        print(f"{name}: {control.found or 'NOT FOUND'}")
        records.save_controls(list(found.values()))
    files.write_bytes(str(page.PATH), catalogue.make_page().encode())
    missed = [name for name, control in found.items() if not control.found]
    if missed:
        raise errors.DataError(f"no fault found these missing: {', '.join(missed)}.")


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
