"""Tests of `page`: it is made from the records, which fit the catalogue."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from tests.faults import catalogue, engine, page, records, safeguards

CHECKOUT = records.ROOT
FAULT = engine.Fault("kills", "Training", "SIGKILL", "the same run", lambda *_: [])
RECORD = records.Record(
    fault="kills",
    num_faults=300,
    failures=(),
    seconds=12.3,
    seed=5,
    date="2026-11-29",
    revision="abc1234",
    machine="2 cores of a processor",
    versions="Python 3.11.7, TensorFlow 2.21.0",
)
SAFEGUARD = safeguards.Safeguard("lock", "A lock", "os:fsync", lambda f: f, "kills")
CONTROL = records.Control("lock", "kills", 3, "call 7: AssertionError: it is cut")


def make_page(*found, controls=()):
    return page.make_page(
        [FAULT], {"kills": list(found)} if found else {}, [SAFEGUARD], controls
    )


def test_the_page_in_docs_is_that_of_the_records():
    text = (CHECKOUT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert text == catalogue.make_page()


def test_every_record_is_of_a_fault_and_a_safeguard_that_exist():
    assert set(records.read_all()) <= set(catalogue.FAULTS)
    found = {control.safeguard for control in records.read_controls()}
    assert found <= set(safeguards.SAFEGUARDS)


def test_no_safeguard_was_lost_unnoticed():
    assert [c.safeguard for c in records.read_controls() if not c.found] == []


def test_a_row_has_the_counts_and_the_bound():
    text = make_page(RECORD)
    # 3/300 is one per cent.
    assert "| SIGKILL | the same run | 300 | 0 | 1 % | 2026-11-29, abc1234, " in text
    assert "In all: 300 faults, 0 failures." in text
    dirty = dataclasses.replace(RECORD, revision="abc12345678-dirty")
    assert "2026-11-29, abc1234 with changes, seed 5" in make_page(dirty)


def test_failures_are_listed_and_there_is_no_bound():
    text = make_page(dataclasses.replace(RECORD, failures=("call 7: it is cut",)))
    assert "| 300 | 1 |  | 2026" in text
    assert "- `kills`, call 7: it is cut" in text


def test_a_fault_without_a_record_is_shown_as_such():
    assert "| SIGKILL | the same run | not yet |" in make_page()


def test_each_stack_has_a_row():
    versions = "Python 3.11.7, TensorFlow 2.15.1"
    text = make_page(RECORD, dataclasses.replace(RECORD, versions=versions))
    assert "TensorFlow 2.21.0" in text and "TensorFlow 2.15.1" in text
    assert "In all: 600 faults" in text


def test_a_control_names_what_found_it():
    assert "| A lock | 3 | `kills`, call 7 |" in make_page(RECORD, controls=[CONTROL])
    missed = dataclasses.replace(CONTROL, found="")
    assert "| A lock | none in 3 |" in make_page(RECORD, controls=[missed])
    assert "| A lock | not yet |" in make_page(RECORD)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
