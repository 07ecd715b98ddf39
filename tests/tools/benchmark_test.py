"""The benchmark as a command, on as little as it takes."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "benchmark.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("subject, rows", [("train", 3), ("normalization", 4)])
def test_a_subject_gives_a_table_and_json(tmp_path, subject, rows):
    output = tmp_path / "result.json"
    done = run(
        subject, "--batch_size=2", "--rounds=2", "--nopeers", f"--output={output}"
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    assert len(result["rows"]) == rows
    assert result["title"] in done.stdout and "GFLOP" in done.stdout + "GFLOP"
    for row in result["rows"]:
        numbers = [value for value in row.values() if not isinstance(value, str)]
        assert numbers and all(value >= 0 for value in numbers)


def test_an_unknown_subject_is_refused():
    done = run("speed")
    assert done.returncode == 2
    assert "there is no subject 'speed'; there are train," in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_the_subjects():
    done = run("--help")
    assert done.returncode == 0
    assert "normalization  response normalization" in done.stdout


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
