"""A result as a table and as JSON."""

from __future__ import annotations

import json
import sys

import pytest

from alexnet_tf.runs import environment
from tools.benchmarks import harness

RESULT = harness.Result(
    "speed",
    "step | images/s | note",
    [("ours", 71.26, None), ("another", 9, "slow")],
    ["One note."],
)


def test_table():
    machine = environment.describe()
    lines = harness.format_table(RESULT, machine).splitlines()
    assert lines[:6] == [
        "speed",
        "",
        "| step    | images/s | note |",
        "|---------|----------|------|",
        "| ours    | 71.3     |      |",
        "| another | 9        | slow |",
    ]
    assert lines[7] == "One note."
    assert f"{machine['cores']} cores of {machine['cpu']}" in lines[8]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345.6, "12,346"),
        (123.4, "123"),
        (99.94, "99.9"),
        (-1.234, "-1.23"),
        (0.0123, "0.012"),
        (0.0, "0.000"),
        (60000, "60,000"),
        ("ours", "ours"),
        (None, ""),
    ],
)
def test_numbers_show_three_digits(value, text):
    assert harness.format_value(value) == text


def test_json():
    value = json.loads(json.dumps(harness.to_json(RESULT, environment.describe())))
    assert value["rows"][0] == {"step": "ours", "images/s": 71.26, "note": None}
    assert value["machine"]["cores"] >= 1


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
