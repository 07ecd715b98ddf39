"""A short selection of every kind of fault; `make faults` injects all of them."""

from __future__ import annotations

import sys

import pytest

from tests.faults import catalogue, engine

# Minutes in all; CI runs them.
pytestmark = pytest.mark.slow

# Another number selects other faults.
SEED = 0


@pytest.mark.parametrize(
    "name", [name for name, fault in catalogue.FAULTS.items() if fault.num_quick]
)
def test_a_selection(name):
    fault = catalogue.FAULTS[name]
    if problem := fault.find_problem():
        pytest.skip(problem)
    result = engine.run(fault, SEED, num_cases=fault.num_quick)
    assert result.num_faults and not result.failures


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
