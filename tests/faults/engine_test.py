"""Tests of `engine`."""

from __future__ import annotations

import sys

import pytest

from tests.faults import engine


def make_fault(checks, shared=None):
    def make_cases(directory, seed):
        if shared is not None:
            shared.append((directory, seed))
        return [engine.Case(name, check) for name, check in checks.items()]

    return engine.Fault("name", "section", "injected", "guarantee", make_cases)


def fail(directory):
    raise AssertionError("it is not whole")


def test_every_case_has_an_empty_directory_and_failures_are_named():
    seen = []

    def check(directory):
        seen.append(list(directory.iterdir()))
        (directory / "left").mkdir()

    result = engine.run(make_fault({"a": check, "b": fail, "c": check}), seed=0)
    assert seen == [[], []]
    assert result.num_faults == 3
    assert result.failures == ("b: AssertionError: it is not whole",)


def test_finished_cases_are_not_repeated(tmp_path):
    log_path, seen = str(tmp_path / "log"), []
    checks = {name: lambda d, n=name: seen.append(n) for name in "abc"}

    def stop(directory):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run(make_fault({**checks, "c": stop}), seed=0, log_path=log_path)
    with open(log_path, "a") as file:
        file.write('["c", "cut o')  # by a kill
    result = engine.run(make_fault(checks), seed=0, log_path=log_path)
    assert seen == ["a", "b", "c"]
    assert result == engine.Result(3, (), result.seconds)


def test_a_finished_failure_counts(tmp_path):
    log_path = str(tmp_path / "log")
    first = engine.run(make_fault({"a": fail}), seed=0, log_path=log_path)
    again = engine.run(
        make_fault({"a": lambda directory: None}), seed=0, log_path=log_path
    )
    assert again.failures == first.failures != ()


def test_what_cases_measure_is_kept(tmp_path):
    log_path = str(tmp_path / "log")
    checks = {"a": lambda directory: "3 MB", "b": lambda directory: None}
    for _ in range(2):  # the second time from the log
        result = engine.run(make_fault(checks), seed=0, log_path=log_path)
        assert result.measured == ("3 MB",)


def test_a_selection_depends_on_the_seed_alone():
    def select(seed):
        seen = []
        checks = {str(i): lambda d, i=i: seen.append(i) for i in range(50)}
        result = engine.run(make_fault(checks), seed=seed, num_cases=5)
        assert result.num_faults == len(seen) == 5
        return seen

    assert select(0) == select(0) != select(1)


def test_a_pattern_chooses_and_the_first_failure_may_end_it():
    seen = []
    checks = {name: lambda d, n=name: seen.append(n) for name in ("a1", "b1")}
    checks |= {"a2": fail, "a3": fail}
    result = engine.run(make_fault(checks), 0, pattern="^a", stops_at_failure=True)
    assert seen == ["a1"] and result.num_faults == 2
    assert result.failures == ("a2: AssertionError: it is not whole",)


def test_cases_share_a_directory_and_know_the_seed():
    shared = []
    engine.run(make_fault({"a": lambda directory: None}, shared), seed=7)
    ((directory, seed),) = shared
    assert seed == 7 and not directory.exists()  # removed at the end


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
