"""Tests of `tools.check_extras`, with a stand-in for pip."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from packaging import requirements

from tests import processes
from tools import check_extras, setup_values

CHECKOUT = check_extras.ROOT
SETUP = setup_values.read(CHECKOUT)
EXTRAS = SETUP["arguments"]["extras_require"]
EXCLUSIVE = SETUP["EXCLUSIVE_EXTRAS"]
TENSORFLOWS = ("2.15.1", "2.21.0")


def list_tensorflows(pair):
    """The tested versions of TensorFlow that the package and both extras admit."""
    lines = [
        *SETUP["arguments"]["install_requires"],
        *EXTRAS[pair[0]],
        *EXTRAS[pair[1]],
    ]
    parsed = [requirements.Requirement(line) for line in lines]
    specifiers = [r.specifier for r in parsed if r.name == "tensorflow"]
    return [v for v in TENSORFLOWS if all(s.contains(v) for s in specifiers)]


@pytest.mark.parametrize("pair", check_extras.list_pairs(EXTRAS))
def test_a_pair_has_a_tensorflow_or_is_exclusive(pair):
    """pip refuses an exclusive pair at once, as no release of TensorFlow fits."""
    assert bool(list_tensorflows(pair)) == (pair not in EXCLUSIVE)


def test_exclusive_pairs_are_documented():
    text = (CHECKOUT / "docs" / "installation.md").read_text(encoding="utf-8")
    assert set(EXCLUSIVE) <= set(check_extras.list_pairs(EXTRAS))
    for (first, second), reason in EXCLUSIVE.items():
        assert f"| `{first}` and `{second}` | {reason} |" in text


@pytest.mark.parametrize(
    "code, reason, problem",
    [
        (0, None, ""),
        (1, "two stacks", ""),
        (1, None, "no matching distribution"),
        (0, "two stacks", "two stacks"),
    ],
)
def test_what_pip_says_is_compared_with_setup(monkeypatch, code, reason, problem):
    commands = []

    def run(command, **options):
        commands.append(command)
        message = "ERROR: no matching distribution"
        return subprocess.CompletedProcess(command, code, "", message)

    monkeypatch.setattr(subprocess, "run", run)
    found = check_extras.check_pair(pathlib.Path("D"), ("a", "b"), reason, 5)
    assert problem in found and bool(found) == bool(problem)
    assert "--dry-run" in commands[0] and commands[0][-1] == "D[a,b]"


@pytest.mark.parametrize("reason, limit", [(None, 500), ("two stacks", 120)])
def test_pip_has_a_limit_of_time(monkeypatch, reason, limit):
    def run(command, timeout, **options):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", run)
    found = check_extras.check_pair(pathlib.Path("D"), ("a", "b"), reason, 500)
    assert f"{limit} s" in found


@pytest.mark.parametrize("part", ["0/4", "5/4", "x", "1"])
def test_a_wrong_part_is_a_sentence(part):
    done = processes.run_python(CHECKOUT / "tools/check_extras.py", f"--part={part}")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"--part={part}" in done.stderr and "1/4" in done.stderr


def test_the_requirements_of_an_extra_are_listed():
    done = processes.run_python(CHECKOUT / "tools/check_extras.py", "--list=docs")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == EXTRAS["docs"]
    done = processes.run_python(CHECKOUT / "tools/check_extras.py", "--list=dosc")
    assert done.returncode == 2
    assert "dosc" in done.stderr and "docs" in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
