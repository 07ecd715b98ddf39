"""Tests of `alexnet_tf.commands.evaluate`."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest

from tests import data_directories, processes, training_runs

PROGRAM = """\
import sys
from alexnet_tf.commands import evaluate
try:
    evaluate.run()
finally:
    print("tensorflow" in sys.modules, file=sys.stderr)
"""
MODULE = ("-m", "alexnet_tf.commands.evaluate")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """`data` of six classes, `other` of two, and `run` on the first."""
    path = tmp_path_factory.mktemp("runs")
    data_directories.write_data_directory(path / "data", num_classes=6, per_class=2)
    data_directories.write_data_directory(path / "other", num_classes=2, per_class=2)
    training_runs.run(path / "data", path / "run", {"num_epochs": 1})
    return path


@pytest.mark.parametrize("start", [MODULE, ("-c", PROGRAM)])
def test_help_shows_our_flags_first_without_tensorflow(start):
    result = processes.run_python(*start, "--help")
    assert result.returncode == 0, result.stderr
    own, absl = result.stdout.split("From absl:")
    assert own.index("alexnet-evaluate --workdir") < own.index("--checkpoint")
    assert "--per_class" in own and "--verbosity" not in own
    assert "--verbosity" in absl
    assert "True" not in result.stderr


@pytest.mark.parametrize(
    "flags, sentence",
    [
        ([], "workdir"),
        (["--workdir=w", "--views=5"], "views"),
        (["--workdir=w", "--workdirs=v,w"], "either --workdir or --workdirs"),
        (["--workdirs=v,w", "--answers=a.npz"], "--answers"),
        (["--workdir=w", "--chekpoint=best"], "checkpoint"),
    ],
)
def test_wrong_flags_exit_with_2_before_tensorflow(flags, sentence):
    result = processes.run_python("-c", PROGRAM, *flags)
    assert result.returncode == 2, result.stderr
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr and "True" not in result.stderr


def test_ten_views_per_class_and_json(commands, tmp_path, runs):
    output = tmp_path / "result.json"
    flags = [f"--workdir={runs}/run", "--views=10", "--per_class"]
    answers_path = tmp_path / "answers.npz"
    result = commands.run(
        *MODULE, *flags, f"--output={output}", f"--answers={answers_path}"
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(output.read_text())
    # 12 images in batches of 5: one epoch ends with step 3.
    assert report["step"] == 3 and report["views"] == 10
    assert report["split"] == "validation" and report["num_seen"] == 12
    lines = result.stdout.splitlines()
    assert lines[0] == "step 3, validation, ten views averaged: 12 images"
    assert f"{report['top1_error']:.2%}" in lines[1]
    assert len([line for line in lines if "n0000000" in line]) == 6
    assert [c["num_seen"] for c in report["classes"]] == [2] * 6
    with np.load(answers_path) as answers:
        probabilities, labels = answers["probabilities"], answers["labels"]
    assert np.bincount(labels).tolist() == [2] * 6
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    wrong = probabilities.argmax(axis=1) != labels
    assert wrong.mean() == pytest.approx(report["top1_error"])
    loss = -np.log(probabilities[np.arange(12), labels]).mean()
    assert loss == pytest.approx(report["loss"], rel=1e-5)


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (["--data_dir={runs}/other"], "6 classes, but the data in"),
        (["--workdir={runs}/nowhere"], "holds no run"),
        (["--split=test"], "test"),
        (["--checkpoint=77"], "no checkpoint of step 77; the steps are"),
    ],
)
def test_user_mistakes_exit_with_2_and_the_reason(commands, runs, flags, sentence):
    before = sorted(os.listdir(runs / "run"))
    given = [flag.format(runs=runs) for flag in flags]
    result = commands.run(*MODULE, f"--workdir={runs}/run", *given)
    assert result.returncode == 2, result.stderr
    assert sentence in result.stderr and "Traceback" not in result.stderr
    assert sorted(os.listdir(runs / "run")) == before


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
