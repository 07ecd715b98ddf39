"""Contestants take turns, and one that ends says why."""

from __future__ import annotations

import sys

import pytest

from tools.benchmarks import timing


def test_a_timing_is_the_median_with_its_spread():
    result = timing.summarize([3.0, 1.0, 2.0, 5.0])
    assert result == timing.Timing(2.5, 1.0, 5.0, 4)
    assert result.spread == pytest.approx(1.6)


def test_everyone_runs_once_a_round_and_another_first_each_time():
    calls = []

    class Fake:
        def __init__(self, name, seconds):
            self.name, self.seconds = name, iter(seconds)

        def run(self):
            calls.append(self.name)
            return next(self.seconds)

    contestants = {"a": Fake("a", [9, 1, 2, 3]), "b": Fake("b", [9, 4, 6, 5])}
    notes = []
    answers = timing.collect_answers(contestants, 3, notes, warm_up=1)
    assert "".join(calls) == "abbaabba"
    # The round before does not count.
    assert answers == {"a": [1, 2, 3], "b": [4, 6, 5]} and not notes


def test_one_that_ends_drops_out_and_the_others_go_on():
    class Fake:
        def __init__(self, answers):
            self.answers = iter(answers)

        def run(self):
            for answer in self.answers:
                return answer
            raise timing.ContestantError("no compiler")

    contestants = {"a": Fake([1, 2, 3]), "b": Fake([4])}
    notes = []
    answers = timing.collect_answers(contestants, 2, notes)
    assert answers == {"a": [2, 3]}
    assert notes == ["b could not be measured: no compiler"]


def test_a_contestant_is_timed_in_its_process():
    contestant = timing.Contestant("ours:copy", {"num_bytes": 4096, "calls": 1})
    try:
        assert contestant.description == "ready"
        seconds = [contestant.run() for _ in range(3)]
    finally:
        contestant.close()
    assert all(0 < value < 60 for value in seconds)


def test_one_that_cannot_be_made_says_why():
    with pytest.raises(timing.ContestantError, match="no_such_function"):
        timing.Contestant("ours:no_such_function", {})


def test_one_that_is_killed_is_an_error_too():
    contestant = timing.Contestant("ours:copy", {"num_bytes": 4096, "calls": 1})
    contestant._process.kill()
    contestant._process.wait()
    with pytest.raises(timing.ContestantError):
        contestant.run()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
