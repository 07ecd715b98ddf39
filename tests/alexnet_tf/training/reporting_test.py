"""Tests of `alexnet_tf.training.reporting`, through a run and a restart."""

from __future__ import annotations

import json
import math
import os
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from tests import data_directories, training_runs

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
# A rate so small that the loss stays at ln 2.
VALUES = {"num_epochs": 4, "optimizer.learning_rate": 1e-6}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class=6)
    return str(path)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, data_dir):
    """Four epochs, of which the third and fourth were run twice."""
    path = tmp_path_factory.mktemp("runs")
    training_runs.run(data_dir, path / "first", VALUES)
    training_runs.copy_as_killed(path / "first", 5, path / "run")
    training_runs.run(data_dir, path / "run", VALUES)
    return str(path / "run")


def read_tensorboard(workdir, split):
    """Tag -> [(step, value)] in the order of the files, and the reader."""
    reader = event_accumulator.EventAccumulator(
        os.path.join(workdir, "tensorboard", split), size_guidance={"tensors": 0}
    ).Reload()
    tags = reader.Tags()["tensors"]
    points = {
        tag: [(e.step, tf.make_ndarray(e.tensor_proto)) for e in reader.Tensors(tag)]
        for tag in tags
    }
    return points, reader


def test_tensorboard_has_each_step_once(workdir):
    train, reader = read_tensorboard(workdir, "train")
    towers = [n for layer in LAYERS[:-1] for n in (f"{layer}a", f"{layer}b")] + ["fc8"]
    kinds = ("kernel", "bias")
    parameters = [f"{name}/{kind}" for name in towers for kind in kinds]
    scalars = {
        "summary/loss",
        "summary/top1_error",
        "summary/top5_error",
        "summary/learning_rate",
        "summary/images_per_second",
        "training/input_wait_share",
        "training/epoch",
        *(f"weights/learning_rate/{n}/{kind}" for n in LAYERS for kind in kinds),
        *(f"weights/gradient_norm/{name}" for name in parameters),
        *(f"weights/norm/{name}" for name in parameters),
    }
    assert scalars | {"weights/kernels/conv1", "settings"} == set(train)
    for tag in scalars:
        assert sorted(step for step, _ in train[tag]) == [2, 4, 6, 8, 10], tag
        assert all(np.isfinite(value) for _, value in train[tag])
    assert all(value > 0 for _, value in train["summary/images_per_second"])
    assert all(0 <= value <= 1 for _, value in train["training/input_wait_share"])
    for tag in ("summary/learning_rate", "weights/learning_rate/conv1/kernel"):
        assert all(rate == pytest.approx(1e-6) for _, rate in train[tag])
    # TensorBoard sorts the groups by name, so that the page opens on the summary.
    groups = sorted({tag.partition("/")[0] for tag in scalars})
    assert groups == ["summary", "training", "weights"]
    assert len(train["settings"]) == 1
    assert sorted(step for step, _ in train["weights/kernels/conv1"]) == [3, 5, 8, 10]
    assert b"optimizer.learning_rate = 1e-06" in train["settings"][0][1].item()
    graph = reader.Graph()
    nodes = {node.op for node in graph.node}
    # Few nodes lie outside the scopes, which the page shows closed.
    assert len({node.name.partition("/")[0] for node in graph.node}) < 25
    nodes |= {n.op for function in graph.library.function for n in function.node_def}
    assert {"Conv2DBackpropFilter", "ResourceApplyKerasMomentum"} <= nodes

    validation, _ = read_tensorboard(workdir, "validation")
    dead = {f"units/dead/{name}" for name in towers if name != "fc8"}
    errors = {f"summary/{name}" for name in ("loss", "top1_error", "top5_error")}
    assert errors | dead == set(validation)
    for tag, points in validation.items():
        assert sorted(step for step, _ in points) == [3, 5, 8, 10], tag
    assert all(0 <= value <= 1 for tag in dead for _, value in validation[tag])


def test_tensorboard_and_metrics_say_the_same(workdir):
    for split in ("train", "validation"):
        lines = training_runs.read_metrics(workdir, split)
        points, _ = read_tensorboard(workdir, split)
        for tag in ("loss", "top1_error", "top5_error"):
            curve = points[f"summary/{tag}"]
            found = {step: float(value) for step, value in curve}
            expected = {line["step"]: line[tag] for line in lines}
            assert found == pytest.approx(expected)


def test_weight_norms_are_those_of_the_checkpoint(workdir):
    train, _ = read_tensorboard(workdir, "train")
    arrays = training_runs.load_checkpoint(workdir, 10).arrays
    for name in ("conv1a/kernel", "fc8/bias"):
        norm = dict(train[f"weights/norm/{name}"])[10]
        expected = np.linalg.norm(arrays[f"weights/{name}"].astype(np.float64))
        assert norm == pytest.approx(expected, rel=1e-5)


def test_metrics_have_each_line_once_and_only_valid_json(workdir):
    lines = training_runs.read_metrics(workdir)
    keys = [(line["step"], line["kind"]) for line in lines if line["kind"] != "event"]
    assert len(keys) == len(set(keys))
    assert [step for step, kind in keys if kind == "train"] == [2, 4, 6, 8, 10]
    with open(os.path.join(workdir, "metrics.jsonl"), encoding="utf-8") as file:
        for line in file:
            json.loads(line, parse_constant=pytest.fail)


def test_loss_at_chance_is_reported_with_remedies(workdir):
    texts = [line["text"] for line in training_runs.read_metrics(workdir, "event")]
    losses = [line["loss"] for line in training_runs.read_metrics(workdir, "epoch")]
    assert losses == pytest.approx([math.log(2)] * 4, rel=0.3)
    at_chance = [abs(loss - math.log(2)) <= 0.02 * math.log(2) for loss in losses]
    said = [text for text in texts if "ln(2) = 0.693" in text]
    # Reported once, not again for the following epochs.
    begins = [
        now and not before
        for before, now in zip([False, *at_chance], at_chance, strict=False)
    ]
    assert len(said) == sum(begins) > 0
    assert "dead units" in said[0] and "--config.optimizer.learning_rate" in said[0]


def test_console_lines_name_step_loss_rate_and_time_left(tmp_path, data_dir, capfd):
    training_runs.run(data_dir, tmp_path, {"num_epochs": 1, "log_every_steps": 1})
    errors_text = capfd.readouterr().err
    lines = [line for line in errors_text.split("\n") if line.startswith("step ")]
    assert [line.split(" of ")[0] for line in lines] == ["step 1", "step 2", "step 3"]
    for line in lines:
        assert "loss" in line and "images/s" in line and line.endswith("left")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
