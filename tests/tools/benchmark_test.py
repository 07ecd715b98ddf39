"""The benchmark as a command, on as little as it takes."""

from __future__ import annotations

import json
import math
import pathlib
import re
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "benchmark.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "subject, rows",
    [
        ("train", 4),
        ("parts", 12),
        ("normalization", 6),
        ("input", 6),
        ("convert", 2),
        ("convert-memory", 1),
        ("evaluate", 3),
        ("predict", 1),
        ("run", 3),
        ("augmentation", 3),
        ("start-up", 11),
        ("memory", 2),
        ("placement", 3),
        ("growth", 1 + 2 + 5 + 5),
    ],
)
def test_a_subject_gives_a_table_and_json(tmp_path, subject, rows):
    output = tmp_path / "result.json"
    done = run(
        subject,
        "--batch_size=20",
        "--rounds=2",
        "--nopeers",
        "--width=0.03",
        "--crop_size=67",
        "--num_images=20",
        "--max_images=100",
        "--num_steps=12",
        *([f"--plot={tmp_path / 'plot.png'}"] if subject == "growth" else []),
        f"--output={output}",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    assert len(result["rows"]) == rows, done.stdout
    assert result["title"] in done.stdout
    for row in result["rows"]:
        numbers = [v for v in row.values() if isinstance(v, int | float)]
        assert numbers and all(math.isfinite(value) for value in numbers)
    assert (tmp_path / "plot.png").exists() == (subject == "growth")


def test_an_unknown_subject_is_refused():
    done = run("speed")
    assert done.returncode == 2
    assert "there is no subject 'speed'; there are train," in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("subject, name", [("train", "a.png"), ("growth", "a.xyz")])
def test_what_cannot_be_drawn_is_refused_at_once(tmp_path, subject, name):
    done = run(subject, f"--plot={tmp_path / name}")
    assert done.returncode == 2
    assert "cannot be drawn" in done.stderr and "Traceback" not in done.stderr


def test_a_width_that_is_no_number_is_refused():
    done = run("train", "--width=nan")
    assert done.returncode == 2
    assert "--width=nan" in done.stderr and "Traceback" not in done.stderr


def test_help_names_the_subjects():
    done = run("--help")
    assert done.returncode == 0
    assert re.search(r"^  normalization +response normalization", done.stdout, re.M)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
