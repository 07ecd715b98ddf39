"""Tests of `controls`: a lost safeguard is found, and one that does nothing is not."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from tests.faults import controls, safeguards, shim

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shim.find_problem() is not None, reason=str(shim.find_problem())
    ),
]


def test_a_lost_safeguard_is_found():
    # The manifest is renamed and its directory flushed, but the bytes may be missing.
    control = controls.find_loss(safeguards.SAFEGUARDS["flushed_files"])
    assert control.safeguard == "flushed_files"
    assert control.found and control.num_faults >= 1


def test_a_safeguard_that_does_nothing_is_not_found(monkeypatch):
    monkeypatch.setattr(controls, "_MAX_CASES", 2)
    useless = dataclasses.replace(
        safeguards.SAFEGUARDS["flushed_files"], replace=lambda fsync: fsync
    )
    monkeypatch.setitem(safeguards.SAFEGUARDS, "flushed_files", useless)
    # The processes would switch the real one off.
    monkeypatch.setattr(safeguards, "SITE", "")
    assert controls.find_loss(useless).found == ""


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
