"""All kinds of faults, in the order of the page."""

from __future__ import annotations

from tests.faults import conversion_faults, training_faults
from tests.faults.engine import Fault

FAULTS: dict[str, Fault] = {
    fault.name: fault for fault in (*conversion_faults.FAULTS, *training_faults.FAULTS)
}
