"""Switches a safeguard off at the start of a process; see `tests/faults/safeguards.py`.

Only a process whose PYTHONPATH begins with this folder finds it.
"""

from tests.faults import safeguards

safeguards.switch_off_here()
