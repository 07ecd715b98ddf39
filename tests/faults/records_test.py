"""Tests of `records`: the page is made from the records, and they fit the catalogue."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from tests.faults import catalogue, engine, records

FAULT = engine.Fault("kills", "Training", "SIGKILL", "the same run", lambda *_: [])
RECORD = records.Record(
    fault="kills",
    num_cases=300,
    failures=(),
    seconds=12.3,
    seed=5,
    date="2026-11-29",
    revision="abc1234",
    machine="2 cores of a processor",
    versions="Python 3.11.7, TensorFlow 2.21.0",
)


def make_page(record):
    return records.make_page([FAULT], {record.fault: [record]} if record else {})


def test_the_page_in_docs_is_that_of_the_records():
    page = records.make_page(list(catalogue.FAULTS.values()), records.read_all())
    assert records.PAGE.read_text(encoding="utf-8") == page


def test_every_record_is_of_a_fault_in_the_catalogue():
    assert set(records.read_all()) <= set(catalogue.FAULTS)


def test_a_row_has_the_counts_and_the_bound():
    page = make_page(RECORD)
    # 3/300 is one per cent.
    assert "| SIGKILL | the same run | 300 | 0 | 1 % | 2026-11-29, abc1234, " in page
    assert "In all: 300 faults, 0 failures." in page


def test_failures_are_listed_and_there_is_no_bound():
    page = make_page(dataclasses.replace(RECORD, failures=("call 7: it is cut",)))
    assert "| 300 | 1 |  | 2026" in page
    assert "- `kills`, call 7: it is cut" in page


def test_a_fault_without_a_record_is_shown_as_such():
    assert "| SIGKILL | the same run | not yet |" in make_page(None)


def test_a_record_is_read_as_it_was_written(tmp_path):
    records.save(RECORD, tmp_path)
    assert records.read_all(tmp_path) == {"kills": [RECORD]}


def test_a_second_stack_has_a_record_and_a_row_of_its_own(tmp_path):
    versions = "Python 3.11.7, TensorFlow 2.15.1"
    other = dataclasses.replace(RECORD, versions=versions, num_cases=30)
    for record in (RECORD, other):
        records.save(record, tmp_path)
    found = records.read_all(tmp_path)
    assert found == {"kills": [RECORD, other]}
    page = records.make_page([FAULT], found)
    assert "TensorFlow 2.21.0" in page and "TensorFlow 2.15.1" in page
    assert "In all: 330 faults" in page


def test_a_record_names_the_machine_and_the_versions():
    result = engine.Result(3, ("a: b",), 1.26)
    record = records.make_record(FAULT, result, seed=2)
    assert record.num_cases == 3 and record.failures == ("a: b",)
    assert record.seconds == 1.3 and record.seed == 2
    assert "cores of" in record.machine and "Python 3" in record.versions


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
