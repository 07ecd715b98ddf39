"""Tests of `watched`: the input that ends a process, hangs or fills it is named."""

from __future__ import annotations

import sys

import pytest

from tests.faults import watched

PROGRAM = "tests.programs.misbehave"


def run(tmp_path, *words):
    return watched.run(PROGRAM, *words, scratch=tmp_path)


def test_outcomes_are_counted(tmp_path):
    assert run(tmp_path, "well", "well", "refuse") == {"well": 2, "refuse": 1}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("raise", "1 inputs, raise: ValueError: unexpected"),
        ("grow", "grow: memory grew by"),
        ("crash", "^crash: SIGSEGV"),
        ("hang", "^hang: took more than"),
        ("exit", "^exit: the end"),
    ],
)
def test_a_failure_names_its_input(tmp_path, word, reason):
    with pytest.raises(AssertionError, match=reason):
        run(tmp_path, "well", word, "well")


def test_what_was_allocated_before_the_start_does_not_count(tmp_path):
    assert run(tmp_path, "grow-before", "well") == {"well": 1}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
