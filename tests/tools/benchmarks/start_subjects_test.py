"""Marks and imports, by hand; the commands are those that are installed."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

from tools.benchmarks import start_subjects

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]


def test_a_row_is_the_median_of_every_mark():
    rounds = [
        {"imported": 3.0, "ended": 8.0},
        {"imported": 2.0, "ended": 4.0},
        {"imported": 7.0, "ended": 5.0},
    ]
    assert start_subjects.summarize_marks(rounds) == [3.0, None, None, 5.0, 80.0]


def test_imports_are_summed_by_package():
    text = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:   1500000 |    1500000 |   numpy.linalg\n"
        "import time:    500000 |    2000000 | numpy\n"
        "another line\n"
        "import time:    250000 |    2250000 | tensorflow\n"
    )
    assert start_subjects.sum_imports(text) == {"numpy": 2.0, "tensorflow": 0.25}


def test_every_command_is_asked_for_its_help():
    text = (CHECKOUT / "setup.py").read_text(encoding="utf-8")
    installed = dict(re.findall(r'"(alexnet-\w+) = ([\w.]+):run"', text))
    assert installed == start_subjects.COMMANDS


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
