"""Candidates run in turns; one that cannot be measured is named, the others go on."""

from __future__ import annotations

import functools
import os
import sys

import pytest

from tests.tools.benchmarks import candidates
from tfrecords import errors
from tools.benchmarks import harness

OPTIONS = harness.Options(rounds=2)


def test_a_summary_is_the_median_with_its_spread():
    assert harness.summarize([3.0, 1.0, 2.0, 5.0]) == (2.5, pytest.approx(160))
    assert harness.summarize([0.0]) == (0.0, 0.0)
    rates = harness.get_rates({"a": [1.0, 2.0, 4.0]}, 8)
    assert rates["a"] == (4.0, pytest.approx(150))


class Fake:
    def __init__(self, name, answers, calls):
        self.name, self.answers, self.calls = name, iter(answers), calls

    def call(self):
        self.calls.append(self.name)
        for answer in self.answers:
            return answer
        raise harness.CandidateError("could not be measured: no compiler")


def test_everyone_runs_once_a_round_and_another_first_each_time():
    calls, notes = [], []
    fakes = {
        "a": Fake("a", [9, 1, 2, 3], calls),
        "b": Fake("b", [9, 4, 6, 5], calls),
    }
    answers = harness.run_rounds(fakes, 3, 1, notes)
    assert "".join(calls) == "abbaabba"
    # The warm-up does not count.
    assert answers == {"a": [1, 2, 3], "b": [4, 6, 5]} and not notes


def test_one_that_fails_drops_out_and_the_others_go_on():
    notes = []
    fakes = {"a": Fake("a", [1, 2, 3], []), "b": Fake("b", [4], [])}
    assert harness.run_rounds(fakes, 2, 1, notes) == {"a": [2, 3]}
    assert notes == ["b could not be measured: no compiler"]


def test_each_candidate_has_a_process_and_those_that_fail_are_named():
    answers, notes = harness.take_turns(
        {
            "identity": functools.partial(candidates.answer, [1, 2]),
            "timed": functools.partial(candidates.answer, None),
            "failing": candidates.fail,
            "lacking": candidates.lack,
            "dying": candidates.die,
        },
        OPTIONS,
        ["identity"],
    )
    assert answers.pop("identity") == [[1, 2], [1, 2]]
    (seconds,) = answers.values()
    assert list(answers) == ["timed"] and all(0 < one < 60 for one in seconds)
    assert notes[0] == "failing could not be measured: ValueError: no such kernel"
    assert notes[1].startswith("lacking is left out: a_package")
    assert notes[2].startswith("dying could not be measured: BrokenProcessPool")


def test_a_candidate_runs_in_another_process():
    candidate = harness.Candidate(functools.partial(candidates.answer, None))
    try:
        assert candidate._run(os.getpid) != os.getpid()
        # Its own workers start as fast as in the command that it measures.
        assert candidate._run(candidates.name_main_program) is None
    finally:
        candidate.close()


def test_a_required_candidate_that_fails_is_an_error():
    with pytest.raises(errors.UserError, match="no such kernel"):
        harness.take_turns({"failing": candidates.fail}, OPTIONS, ["failing"])


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
