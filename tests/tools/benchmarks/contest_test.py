"""Contestants by their factories: what is missing is named, the rest is measured."""

from __future__ import annotations

import sys

import pytest

from tools.benchmarks import contest

OPTIONS = contest.Options("float32", 2, rounds=2, with_peers=False)


def test_each_answers_once_a_round_and_absentees_are_named(monkeypatch):
    monkeypatch.setitem(contest._NEEDED, "flops", "a_package.that_is_not_there")
    factories = {
        "copy": ("ours:copy", {"num_bytes": 4096, "calls": 1}),
        "absent": ("flops:count_alexnet", {}),
        "broken": ("ours:no_such_function", {}),
    }
    answers, notes = contest.collect(factories, OPTIONS)
    assert list(answers) == ["copy"] and len(answers["copy"]) == 2
    assert notes[0] == (
        "absent is left out: a_package.that_is_not_there is not installed."
    )
    assert notes[1].startswith("broken could not be measured: ")
    assert "no_such_function" in notes[1]


def test_timings_are_summarized():
    factories = {"copy": ("ours:copy", {"num_bytes": 4096, "calls": 1})}
    timings, notes = contest.measure(factories, OPTIONS)
    assert timings["copy"].rounds == 2 and not notes


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
