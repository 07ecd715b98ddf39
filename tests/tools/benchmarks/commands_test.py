"""Marks of a process, times of imports, and the list of commands."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

from tfrecords import errors
from tools.benchmarks import commands

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]


def test_a_row_is_the_median_of_every_mark():
    rounds = [
        {"imported": 3.0, "ended": 8.0},
        {"imported": 2.0, "ended": 4.0},
        {"imported": 7.0, "ended": 5.0},
    ]
    assert commands.summarize_marks(rounds) == [3.0, None, None, 5.0, 80.0]


def test_marks_are_noted_in_their_order():
    code = (
        "import time\n"
        "print('no two; one', flush=True)\n"
        "print('one', flush=True); time.sleep(0.2)\n"
        "print('two', flush=True); time.sleep(0.2)"
    )
    found = commands.start([sys.executable, "-c", code], "one", "two", "three")()
    assert found["one"] < found["two"] < found["ended"]
    assert found["two"] - found["one"] > 0.1
    assert "three" not in found


def test_a_command_that_fails_says_why():
    with pytest.raises(errors.UserError, match="no such luck"):
        commands.start([sys.executable, "-c", "raise SystemExit('no such luck')"])()


def test_imports_are_summed_by_package():
    text = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:   1500000 |    1500000 |   numpy.linalg\n"
        "import time:    500000 |    2000000 | numpy\n"
        "another line\n"
        "import time:    250000 |    2250000 | tensorflow\n"
    )
    assert commands.sum_imports(text) == {"numpy": 2.0, "tensorflow": 0.25}


def test_every_command_is_asked_for_its_help():
    text = (CHECKOUT / "setup.py").read_text(encoding="utf-8")
    installed = dict(re.findall(r'"(alexnet-\w+) = ([\w.]+):run"', text))
    assert installed == commands.COMMANDS


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
