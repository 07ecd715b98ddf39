"""Data, runs and an export of an earlier revision can still be used and resumed."""

from __future__ import annotations

import json
import pathlib
import shutil
import sys
import tarfile
from typing import Any

import pytest

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.evaluation import evaluate
from alexnet_tf.export import saved_model
from alexnet_tf.inference import predict
from alexnet_tf.runs import run_record, trained_network
from alexnet_tf.training import train
from tests import training_runs
from tfrecords.shards import manifest
from tfrecords.verification import verify

pytestmark = pytest.mark.whole_run

GOLDEN = pathlib.Path(__file__).parent / "golden"

# The flags of the run whose settings are text, as its run.json lists them.
TEXT_SETTINGS = {
    "init_from": "whole",
    "init_layers": "conv1 conv2",
    "num_epochs": 3,
    "optimizer.name": "multi_optimizer",
    "optimizer.per_layer": "fc8=adamw",
    "optimizer.rate_factors": "conv1=0.5 fc8=0.03",
    "schedule.frozen_until": "conv3=1",
    "schedule.name": "fixed",
    "schedule.steps": "1:0.005 2:0.002",
}
SMALL = {
    "batch_size": 4,
    "eval_batch_size": 4,
    "log_every_steps": 1,
    "checkpoint_every_minutes": 0,
    "keep_checkpoints": 1000,
    "devices": "CPU:0",
    "data.crop_size": 67,
    "data.num_parallel_maps": 2,
    "data.finish_on": "host",
    "model.normalization": "reference",
    "model.width": 0.03,
    "model.initial_stddev": 0.1,
    "model.initial_stddev_conv345": 0.1,
}


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A directory with all of the golden files, unpacked."""
    directory = tmp_path_factory.mktemp("golden")
    for name in ("data_jpeg", "run", "export"):
        with tarfile.open(GOLDEN / f"{name}.tar.xz") as archive:
            archive.extractall(directory, filter="data")
    return directory


def read_expected(golden: pathlib.Path, name: str) -> list[dict[str, Any]]:
    lines = (golden / "expected" / f"{name}-metrics.jsonl").read_text("utf-8")
    return [json.loads(line) for line in lines.splitlines()]


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_data_directory_is_whole(golden, encoding):
    data_dir = str(golden / f"data_{encoding}")
    info = manifest.read_manifest(data_dir)
    assert [c.text for c in info.classes] == ["blue things", "red things"]
    assert {name: split.num_records for name, split in info.splits.items()} == {
        "train": 8,
        "validation": 4,
    }
    assert verify.verify(data_dir).problems == ()


@pytest.mark.parametrize(
    ("name", "experiment", "data", "values"),
    [
        ("run", "alexnet", "data_jpeg", {"num_epochs": 4}),
        ("run_with_text_settings", "alexnet_source", "data_raw", TEXT_SETTINGS),
    ],
)
def test_run_continues_as_before(
    golden, tmp_path, monkeypatch, name, experiment, data, values
):
    monkeypatch.chdir(golden)  # run.json names the data as the command did
    run = tmp_path / name
    shutil.copytree(golden / name, run)
    config = overrides.override(experiments.get_config(experiment), {**SMALL, **values})
    # The records lack the settings, whose defaults do something else since.
    earlier = {"model.initial_scaling": "none", "data.crop_origin": "corner"}
    recorded = overrides.override(config, earlier)
    assert run_record.read_config(str(run)) == recorded

    state = train.train_and_evaluate(config, data, str(run))

    expected = read_expected(golden, name)
    assert state.step == expected[-1]["step"]
    compared = 0
    found = training_runs.read_metrics(run)
    assert [(m["kind"], m["step"]) for m in found if m["kind"] != "event"] == [
        (m["kind"], m["step"]) for m in expected if m["kind"] != "event"
    ]
    for line in expected:
        if line["kind"] in ("train", "validation"):
            (same,) = (
                m
                for m in found
                if (m["kind"], m["step"]) == (line["kind"], line["step"])
            )
            # Another processor rounds differently.
            assert same["loss"] == pytest.approx(line["loss"], rel=0.02), line
            compared += line["step"] > 4
    assert compared >= 3


def test_run_is_evaluated(golden, monkeypatch):
    monkeypatch.chdir(golden)
    checkpoint, result, _ = evaluate.evaluate_checkpoint(
        str(golden / "run"), "last", "validation", 10
    )
    assert checkpoint.step == 4
    assert result.counts.num_seen == 4


def test_run_is_exported(golden, tmp_path):
    network = trained_network.load(str(golden / "run"), "last")
    made = saved_model.export(network, str(tmp_path / "export"))
    predictor = predict.open_export(made.path, 1)
    images = predict.find_images([str(golden / "images" / "validation")])
    answers = list(predict.predict_files(predictor, images))
    assert [answer.error for answer in answers] == [""] * 4


def test_export_predicts_as_before(golden, monkeypatch):
    monkeypatch.chdir(golden)
    expected = json.loads((golden / "expected" / "predictions.json").read_text("utf-8"))
    predictor = predict.open_export("export", 1)
    images = predict.find_images(["images/validation"])
    for prediction, line in zip(
        predict.predict_files(predictor, images), expected, strict=True
    ):
        assert prediction.path == line["path"]
        for answer in line["top5"]:
            assert prediction.probabilities[answer["label"]] == pytest.approx(
                answer["probability"], rel=1e-4
            )


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
