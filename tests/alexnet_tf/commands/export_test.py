"""Tests of `alexnet_tf.commands.export`."""

from __future__ import annotations

import os
import sys

import pytest

from tests import data_directories, processes, training_runs

MODULE = ("-m", "alexnet_tf.commands.export")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs")
    data_directories.write_data_directory(path / "data", num_classes=3)
    training_runs.run(path / "data", path / "run", {"num_epochs": 1})
    return path


def test_two_exports_are_two_versions(runs):
    for version in (1, 2):
        result = processes.run_python(
            *MODULE, f"--workdir={runs}/run", f"--export_dir={runs}/exports"
        )
        assert result.returncode == 0, result.stderr
        assert f"exported step 3 to {runs}/exports/{version}" in result.stdout
        assert "3 classes, float32, SHA-256 " in result.stdout
    assert sorted(os.listdir(runs / "exports")) == ["1", "2"]


@pytest.mark.parametrize(
    "flags, sentence",
    [
        ([], "--workdir is missing"),
        (["--workdir={runs}/run"], "--export_dir is missing"),
        (["--workdir={runs}/no", "--export_dir={runs}/e"], "holds no run"),
        (
            ["--workdir={runs}/run", "--export_dir={runs}/run/run.json"],
            "run.json",
        ),
        (
            ["--workdir={runs}/run", "--export_dir={runs}/e", "--checkpoint=7"],
            "no checkpoint of step 7",
        ),
    ],
)
def test_wrong_use_exits_with_2_and_a_sentence(runs, flags, sentence):
    given = [flag.format(runs=runs) for flag in flags]
    result = processes.run_python(*MODULE, *given)
    assert result.returncode == 2, result.stderr
    assert sentence in result.stderr and "Traceback" not in result.stderr
    assert not os.path.exists(runs / "e")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
