"""Tests of `records`."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from tests.faults import engine, records
from tests.faults.page_test import CONTROL, FAULT, RECORD


def test_a_record_is_read_as_it_was_written(tmp_path):
    records.save(RECORD, tmp_path)
    assert records.read_all(tmp_path) == {"kills": [RECORD]}


def test_a_second_stack_has_a_record_of_its_own(tmp_path):
    versions = "Python 3.11.7, TensorFlow 2.15.1"
    other = dataclasses.replace(RECORD, versions=versions, num_faults=30)
    for record in (other, RECORD):
        records.save(record, tmp_path)
    assert records.read_all(tmp_path) == {"kills": [RECORD, other]}


def test_a_record_names_the_machine_and_the_versions():
    result = engine.Result(3, ("a: b",), 1.26)
    record = records.make_record(FAULT, result, seed=2)
    assert record.num_faults == 3 and record.failures == ("a: b",)
    assert record.seconds == 1.3 and record.seed == 2
    assert "cores of" in record.machine and "Python 3" in record.versions


def test_controls_are_read_as_they_were_written(tmp_path):
    assert records.read_controls(tmp_path) == ()
    records.save_controls([CONTROL], tmp_path)
    assert records.read_controls(tmp_path) == (CONTROL,)
    assert records.read_all(tmp_path) == {}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
