"""Switches safeguards off, one at a time: a fault must find each of them missing."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults import catalogue, engine, records, safeguards
from tests.faults.safeguards import Safeguard
from tfrecords import errors

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


def run(names: Sequence[str]) -> None:
    """Switches safeguards off, one after the other, and records what finds them.

    Args:
      names: of safeguards; empty for all.

    Raises:
      UserError: if there is no such safeguard.
      DataError: if the loss of one was not found: either the faults or the safeguard
        are useless.
    """
    for name in names:
        if name not in safeguards.SAFEGUARDS:
            raise errors.UserError(
                f"there is no safeguard {name!r}. The safeguards are "
                f"{', '.join(safeguards.SAFEGUARDS)}."
            )
    found = {control.safeguard: control for control in records.read_controls()}
    for name in names or safeguards.SAFEGUARDS:
        safeguard = safeguards.SAFEGUARDS[name]
        if problem := catalogue.FAULTS[safeguard.fault].find_problem():
            print(f"{name} is skipped: {problem}.")
            continue
        control = found[name] = find_loss(safeguard)
        print(f"{name}: {control.found or 'NOT FOUND'}", flush=True)
        records.save_controls([found[n] for n in safeguards.SAFEGUARDS if n in found])
    missed = [name for name, control in found.items() if not control.found]
    if missed:
        raise errors.DataError(f"no fault found these missing: {', '.join(missed)}.")
