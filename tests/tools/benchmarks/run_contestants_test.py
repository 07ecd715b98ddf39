"""What is read from a run's entries and from a process, by hand."""

from __future__ import annotations

import sys

import pytest

from tfrecords import errors
from tools.benchmarks import run_contestants


def make_entry(step, rate, waiting):
    return {"step": step, "images_per_second": rate, "input_wait_share": waiting}


def test_rates_leave_the_first_entry_out():
    seen = [
        (100.0, make_entry(10, 1.0, 0.9)),
        # 10 steps of 8 at 40 a second: 2 s, half of them waited for input.
        (103.0, make_entry(20, 40.0, 0.5)),
        # 10 more at 20 a second: 4 s, all of them at work.
        (108.0, make_entry(30, 20.0, 0.0)),
    ]
    answer = run_contestants.summarize_entries(seen, batch_size=8)
    assert answer["clock"] == pytest.approx(160 / 8)
    assert answer["entries"] == pytest.approx(160 / 6)
    assert answer["waiting"] == pytest.approx(1 / 6)


def test_marks_are_noted_in_their_order():
    code = (
        "import time\n"
        "print('one', flush=True); time.sleep(0.2)\n"
        "print('two', flush=True); time.sleep(0.2)"
    )
    found = run_contestants.time_marks(
        [sys.executable, "-c", code],
        {"one": lambda text: "one" in text, "two": lambda text: "two" in text},
    )
    assert found["one"] < found["two"] < found["ended"]
    assert found["two"] - found["one"] > 0.1


def test_a_command_that_fails_says_why():
    with pytest.raises(errors.UserError, match="no such luck"):
        run_contestants.time_marks(
            [sys.executable, "-c", "raise SystemExit('no such luck')"], {}
        )


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
