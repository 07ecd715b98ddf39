"""All kinds of faults, in the order of the page, and the page."""

from __future__ import annotations

from tests.faults import (
    command_faults,
    conversion_faults,
    damage_faults,
    elsewhere,
    endurance_faults,
    hostile_faults,
    image_faults,
    output_faults,
    page,
    parser_faults,
    peer_faults,
    records,
    request_faults,
    safeguards,
    surroundings_faults,
    training_faults,
    worker_faults,
)
from tests.faults.engine import Fault

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        *conversion_faults.FAULTS,
        *worker_faults.FAULTS,
        *training_faults.FAULTS,
        *output_faults.FAULTS,
        *command_faults.FAULTS,
        *peer_faults.FAULTS,
        *surroundings_faults.FAULTS,
        *damage_faults.FAULTS,
        *endurance_faults.FAULTS,
        *image_faults.FAULTS,
        *hostile_faults.FAULTS,
        *parser_faults.FAULTS,
        *request_faults.FAULTS,
    )
}


def make_page() -> str:
    """The page of the faults, the safeguards and what the records say of them."""
    return page.make_page(
        list(FAULTS.values()),
        records.read_all(),
        list(safeguards.SAFEGUARDS.values()),
        records.read_controls(),
        elsewhere.GUARANTEES,
    )
