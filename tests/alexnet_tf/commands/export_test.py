"""Tests of `alexnet_tf.commands.export`."""

from __future__ import annotations

import os
import sys

import pytest
from PIL import Image

from tests import data_directories, training_runs
from tfrecords.shards import record_file

pytestmark = pytest.mark.whole_run

MODULE = ("-m", "alexnet_tf.commands.export")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs")
    data_directories.write_data_directory(path / "data", num_classes=3)
    training_runs.run(path / "data", path / "run", {"num_epochs": 1})
    return path


def test_two_exports_are_two_versions(commands, runs):
    for version in (1, 2):
        result = commands.run(
            *MODULE, f"--workdir={runs}/run", f"--export_dir={runs}/exports"
        )
        assert result.returncode == 0, result.stderr
        assert f"exported step 3 to {runs}/exports/{version}" in result.stdout
        assert "3 classes, float32, SHA-256 " in result.stdout
    assert sorted(os.listdir(runs / "exports")) == ["1", "2"]


def test_other_formats_lie_within_the_version_and_are_measured(commands, runs):
    result = commands.run(
        *MODULE,
        f"--workdir={runs}/run",
        f"--export_dir={runs}/formats",
        "--formats=keras,tflite",
        "--calibration_images=2",
    )
    assert result.returncode == 0, result.stderr
    assert "validation, centre view: 12 images" in result.stdout
    assert "TensorFlow float32" in result.stdout and "int8.tflite" in result.stdout
    # There is no SavedModel to predict from.
    assert "alexnet-predict" not in result.stdout
    assert os.listdir(runs / "formats" / "1") == ["assets.extra"]
    names = os.listdir(runs / "formats" / "1" / "assets.extra")
    assert {"alexnet.keras", "int8.tflite", "tflite.json"} < set(names)


def test_warm_up_requests_are_listed_with_the_version(commands, runs):
    image = runs / "own.png"
    Image.new("RGB", (30, 20)).save(image)
    result = commands.run(
        *MODULE,
        f"--workdir={runs}/run",
        f"--export_dir={runs}/warm",
        "--warmup=4",
        f"--warmup_images={image}",
    )
    assert result.returncode == 0, result.stderr
    assert "warms up with 4 requests" in result.stdout
    extra = runs / "warm" / "1" / "assets.extra"
    records = list(record_file.scan(str(extra / "tf_serving_warmup_requests")))
    assert [image.read_bytes() in record for _, record in records] == [True] * 4
    sums = (extra / "SHA256SUMS").read_text()
    assert "  assets.extra/tf_serving_warmup_requests\n" in sums


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (
            ["--workdir={runs}/run", "--export_dir={runs}/e", "--warmup=1001"],
            "--warmup=1001",
        ),
        (
            ["--workdir={runs}/run", "--export_dir={runs}/e", "--warmup_images=a.png"],
            "needs --warmup",
        ),
        (
            [
                "--workdir={runs}/run",
                "--export_dir={runs}/e",
                "--warmup=1",
                "--formats=keras",
            ],
            "add saved_model to --formats",
        ),
        (
            [
                "--workdir={runs}/run",
                "--export_dir={runs}/e",
                "--warmup=1",
                "--warmup_images={runs}/no.png",
            ],
            "{runs}/no.png",
        ),
        (
            ["--workdir={runs}/run", "--export_dir={runs}/e", "--formats=keras,pdf"],
            "--formats names 'pdf'. The formats are saved_model, keras, tflite, onnx",
        ),
        (
            ["--workdir={runs}/run", "--export_dir={runs}/e", "--formats="],
            "--formats names ''",
        ),
        (
            [
                "--workdir={runs}/run",
                "--export_dir={runs}/e",
                "--formats=tflite",
                "--data_dir={runs}/no",
            ],
            "{runs}/no",
        ),
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
def test_user_mistakes_exit_with_2_and_the_reason(commands, runs, flags, sentence):
    given = [flag.format(runs=runs) for flag in flags]
    result = commands.run(*MODULE, *given)
    assert result.returncode == 2, result.stderr
    assert sentence.format(runs=runs) in result.stderr
    assert "Traceback" not in result.stderr
    assert not os.path.exists(runs / "e")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
