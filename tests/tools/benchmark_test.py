"""The benchmark as a command, on as little as it takes."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import re
import sys
import time

import pytest

from alexnet_tf.runs import environment
from tests import forked_processes
from tools.benchmarks import commands, growth, harness, registry

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "benchmark.py"


def run(*arguments):
    return forked_processes.run_python(SCRIPT, *arguments, timeout=600)


# On as little as it takes.
OPTIONS = harness.Options(
    batch_size=20,
    rounds=1,
    baselines=False,
    width=0.03,
    crop_size=67,
    num_images=20,
    max_images=100,
    num_steps=12,
)


class CandidateHere:
    """`harness.Candidate` in this process, which has loaded TensorFlow already.

    The tests of `harness` have it in a process of its own, as does the command.
    """

    def __init__(self, make):
        self._call = make()

    def call(self):
        start = time.perf_counter()
        answer = self._call()
        return time.perf_counter() - start if answer is None else answer

    def close(self):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, rows",
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
        ("start-up", 2 + 2),
        ("memory", 2),
        ("placement", 3),
        ("growth", 1 + 2 + 5 + 2),
    ],
)
def test_a_benchmark_gives_a_table(tmp_path, monkeypatch, name, rows):
    if name != "placement":
        # It makes two devices of the processor, which a process does as it starts.
        monkeypatch.setattr(harness, "Candidate", CandidateHere)
    few = {
        command: commands.COMMANDS[command]
        for command in ("alexnet-index", "alexnet-completion")
    }
    monkeypatch.setattr(commands, "COMMANDS", few)
    monkeypatch.setattr(growth, "CLASSES", growth.CLASSES[:2])
    plot = str(tmp_path / "plot.png") if name == "growth" else None
    result = registry.BENCHMARKS[name](dataclasses.replace(OPTIONS, plot=plot))
    text = harness.format_table(result, environment.describe())
    assert len(result.rows) == rows, text
    assert result.title in text
    for row in result.rows:
        numbers = [value for value in row if isinstance(value, int | float)]
        assert numbers and all(math.isfinite(value) for value in numbers)
    assert (tmp_path / "plot.png").exists() == (name == "growth")


@pytest.mark.slow
def test_the_command_prints_a_table_and_writes_json(tmp_path):
    output = tmp_path / "result.json"
    done = run(
        *("convert", "--rounds=2", "--nobaselines", "--num_images=20"),
        f"--output={output}",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    assert len(result["rows"]) == 2, done.stdout
    assert result["title"] in done.stdout


def test_an_unknown_benchmark_is_refused():
    done = run("speed")
    assert done.returncode == 2
    assert "'speed'" in done.stderr and "convert-memory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name, plot", [("train", "a.png"), ("growth", "a.xyz")])
def test_a_plot_that_cannot_be_drawn_is_refused_at_once(tmp_path, name, plot):
    done = run(name, f"--plot={tmp_path / plot}")
    assert done.returncode == 2
    assert plot in done.stderr and "Traceback" not in done.stderr


def test_a_width_that_is_not_a_number_is_refused():
    done = run("train", "--nobaselines", "--width=nan")
    assert done.returncode == 2
    assert "--width=nan" in done.stderr and "Traceback" not in done.stderr


def test_help_describes_the_benchmarks():
    done = run("--help")
    assert done.returncode == 0
    assert re.search(r"^  normalization +Response normalization", done.stdout, re.M)


def test_without_a_name_the_benchmarks_are_listed():
    for arguments, words in (
        ([], "no benchmark was named; there are train, "),
        (["trian"], "there is no benchmark 'trian'; there are train, "),
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert words in done.stderr and "Traceback" not in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
