"""Tests of `alexnet_tf.evaluation.evaluate`, against NumPy."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys

import numpy as np
import pytest

from alexnet_tf.data import directory, evaluation_views, pipeline
from alexnet_tf.devices import placement
from alexnet_tf.evaluation import evaluate, forward
from alexnet_tf.evaluation import report as report_lib
from alexnet_tf.network.build import build_network
from alexnet_tf.network.parameters import load_weights
from alexnet_tf.runs import data_summary
from tests import data_directories, training_runs
from tfrecords import errors
from tfrecords.durable import files
from tfrecords.shards import manifest, schema, statistics

pytestmark = pytest.mark.whole_run

NUM_CLASSES = 7
CROP = 67
# Raw images, so that both computations see the same pixels; 21 validation images in
# batches of 4, so that the last batch has one.
VALUES = {"num_epochs": 2, "eval_batch_size": 4, "batch_size": 7}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(
        path,
        num_classes=NUM_CLASSES,
        per_class={"train": 2, "validation": 3, "test": 1},
        encoding="raw",
    )
    return str(path)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, data_dir):
    path = tmp_path_factory.mktemp("run")
    training_runs.run(data_dir, path, VALUES)
    return str(path)


def evaluate_run(workdir, data_dir, which="last", split="validation", num_views=1):
    return evaluate.evaluate_checkpoint(workdir, which, split, num_views, data_dir)


@pytest.fixture(scope="module")
def network(workdir):
    config = training_runs.make_config(VALUES)
    where = placement.make_placement(config.devices)
    model = build_network(config, NUM_CLASSES, where)
    saved = training_runs.load_checkpoint(workdir)
    load_weights(model, saved.arrays, saved.path)
    return model


def read_images(data_dir, split):
    """uint8 [n, 256, 256, 3] and labels [n], without TensorFlow."""
    data = directory.open_data(data_dir, training_runs.make_config(VALUES))
    reader = data.get_reader(split)
    images, labels = [], []
    for number in range(reader.index.num_records):
        example = schema.decode_record(reader.read(number))
        pixels = np.frombuffer(example.image_bytes, np.uint8)
        images.append(pixels.reshape(256, 256, 3))
        labels.append(example.label)
    return np.stack(images), np.array(labels), data.statistics.mean_image


def compute_probabilities(network, data_dir, split, corners, mirrored):
    """Float64 [n, classes]: the mean softmax over the views, view by view."""
    images, labels, mean_image = read_images(data_dir, split)
    total = np.zeros((len(images), NUM_CLASSES))
    centred = images.astype(np.float64) - mean_image
    for top, left in corners:
        for is_mirrored in mirrored:
            view = centred[:, top : top + CROP, left : left + CROP]
            view = view[:, :, ::-1] if is_mirrored else view
            logits = np.asarray(network(view.astype(np.float32), training=False))
            powers = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=float)
            total += powers / powers.sum(axis=1, keepdims=True)
    return total / (len(corners) * len(mirrored)), labels


def count_by_sorting(probabilities, labels, k):
    best = np.argsort(-probabilities, axis=1)[:, :k]
    return sum(label not in row for label, row in zip(labels, best, strict=True))


FAR, MIDDLE = 256 - CROP, (256 - CROP) // 2
CORNERS = [(0, 0), (0, FAR), (FAR, 0), (FAR, FAR), (MIDDLE, MIDDLE)]


@pytest.mark.parametrize("split, num_seen", [("validation", 21), ("test", 7)])
@pytest.mark.parametrize("num_views", [1, 10])
def test_counts_are_those_of_numpy(
    workdir, data_dir, network, split, num_seen, num_views
):
    _, result, _ = evaluate_run(workdir, data_dir, "last", split, num_views)
    corners = CORNERS if num_views == 10 else CORNERS[-1:]
    mirrored = (False, True) if num_views == 10 else (False,)
    probabilities, labels = compute_probabilities(
        network, data_dir, split, corners, mirrored
    )
    assert result.counts.num_seen == num_seen
    assert result.counts.top1_errors == count_by_sorting(probabilities, labels, 1)
    assert result.counts.top5_errors == count_by_sorting(probabilities, labels, 5)
    losses = -np.log(probabilities[np.arange(num_seen), labels])
    assert result.counts.loss == pytest.approx(losses.mean(), rel=1e-5)
    assert result.per_class.num_seen.tolist() == [num_seen // NUM_CLASSES] * NUM_CLASSES
    for label in range(NUM_CLASSES):
        rows = labels == label
        for column, k in enumerate((1, 5)):
            expected = count_by_sorting(probabilities[rows], labels[rows], k)
            assert result.per_class.errors[label, column] == expected


def test_ten_views_average_the_softmax_not_the_logits(data_dir, network):
    config = training_runs.make_config(VALUES)
    data = directory.open_data(data_dir, config)
    dataset = pipeline.make_evaluation_dataset(data, config, "validation", 10)
    eval_step = forward.make_eval_step(network)
    finish = evaluation_views.compile_view_transform(config.data, data.statistics, 10)
    found = [
        eval_step(finish(images), labels).probabilities.numpy()
        for images, labels, _ in dataset
    ]
    # Ten views exceed a batch of 4 views: one image per batch.
    assert [len(batch) for batch in found] == [1] * 21
    expected, _ = compute_probabilities(
        network, data_dir, "validation", CORNERS, (False, True)
    )
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-6)


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda d: d.concatenate(d.take(1)), "0 .*not seen.* 4 .*more than once"),
        (lambda d: d.skip(1), "4 .*not seen.* 0 .*more than once"),
    ],
)
def test_fails_unless_every_image_is_seen_once(
    workdir, data_dir, monkeypatch, change, complaint
):
    make = pipeline.make_evaluation_dataset
    monkeypatch.setattr(
        pipeline, "make_evaluation_dataset", lambda *a, **k: change(make(*a, **k))
    )
    with pytest.raises(errors.DataError, match=f"of 21 images.*{complaint}"):
        evaluate_run(workdir, data_dir)


def test_what_check_stop_raises_ends_it(data_dir, network):
    config = training_runs.make_config(VALUES)
    data = directory.open_data(data_dir, config)
    calls = []

    def check_stop():
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        eval_step = forward.make_eval_step(network)
        evaluate.evaluate(eval_step, data, config, "validation", check_stop=check_stop)
    assert len(calls) == 2


def test_checkpoints_by_name(workdir, data_dir):
    best = training_runs.load_checkpoint(workdir).best_step
    assert evaluate_run(workdir, data_dir, "last")[0].step == 4
    assert evaluate_run(workdir, data_dir, "best")[0].step == best
    checkpoint, result, _ = evaluate_run(workdir, data_dir, 2)
    assert checkpoint.step == 2
    # The run's own evaluation after step 2.
    (line,) = (
        line
        for line in training_runs.read_metrics(workdir, "validation")
        if line["step"] == 2
    )
    assert result.counts.top1_error == line["top1_error"]
    assert result.counts.loss == pytest.approx(line["loss"], rel=1e-6)


@pytest.mark.parametrize(
    "which, split, sentence",
    [
        (3000, "validation", "no checkpoint of step 3000; the steps are 1, 2, 3, 4"),
        ("newest", "validation", "'newest' is not"),
        ("last", "testing", "testing"),
    ],
)
def test_a_missing_run_checkpoint_or_split_is_named(
    workdir, data_dir, which, split, sentence
):
    with pytest.raises(errors.UserError, match=sentence):
        evaluate_run(workdir, data_dir, which, split)


def test_data_of_other_classes_are_refused(tmp_path, workdir):
    data_directories.write_data_directory(tmp_path, num_classes=2, per_class=2)
    with pytest.raises(errors.UserError, match=r"7 classes, .* has 2"):
        evaluate_run(workdir, str(tmp_path))


def test_images_of_another_size_are_refused(workdir, data_dir, monkeypatch):
    kept = data_summary.load(workdir)
    smaller = dataclasses.replace(
        kept.statistics, mean_image=kept.statistics.mean_image[:240, :240]
    )
    monkeypatch.setattr(
        evaluate.data_summary,
        "load",
        lambda path: dataclasses.replace(kept, statistics=smaller),
    )
    with pytest.raises(errors.UserError, match=r"240x240.*256x256"):
        evaluate_run(workdir, data_dir)


def test_the_mean_is_that_of_the_training_data(tmp_path, workdir, data_dir):
    expected = evaluate_run(workdir, data_dir)[1].counts
    # The same images with another mean image: the run's own must be used.
    other = shutil.copytree(data_dir, tmp_path / "data")
    found = statistics.read_statistics(str(other))
    brighter = dataclasses.replace(found, mean_image=found.mean_image + 50)
    statistics.write_statistics(str(other), brighter)
    info = manifest.read_manifest(str(other))
    digest = files.compute_digest(str(other / manifest.STATISTICS_NAME))
    checksums = {**info.checksums, manifest.STATISTICS_NAME: digest}
    manifest.write_manifest(str(other), dataclasses.replace(info, checksums=checksums))
    assert evaluate_run(workdir, str(other))[1].counts == expected


def test_data_that_changed_in_place_are_refused(tmp_path):
    data_dir, workdir = tmp_path / "data", tmp_path / "run"
    data_directories.write_data_directory(data_dir, per_class=4, encoding="raw")
    training_runs.run(data_dir, workdir, {**VALUES, "num_epochs": 1})
    evaluate.evaluate_checkpoint(str(workdir), "last", "validation", 1)
    shutil.rmtree(data_dir)
    data_directories.write_data_directory(data_dir, per_class=4, encoding="raw", seed=1)
    with pytest.raises(
        errors.UserError, match=r"no longer the training data.*--data_dir"
    ):
        evaluate.evaluate_checkpoint(str(workdir), "last", "validation", 1)


def test_labels_may_count_from_another_number(tmp_path, workdir, data_dir):
    # Labels 0..6 on disk, declared as 1..7: label 0 is out of range.
    moved = shutil.copytree(data_dir, tmp_path / "data")
    info = manifest.read_manifest(str(moved))
    manifest.write_manifest(str(moved), dataclasses.replace(info, label_offset=1))
    with pytest.raises(errors.DataError, match=r"has the label 0, outside 1\.\.7"):
        evaluate_run(workdir, str(moved))


def test_a_damaged_record_is_named(tmp_path, workdir, data_dir):
    damaged = shutil.copytree(data_dir, tmp_path / "data")
    name = schema.make_shard_name("validation", 1, 2)
    content = bytearray((damaged / name).read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / name).write_bytes(content)
    with pytest.raises(errors.DataError, match=name):
        evaluate_run(workdir, str(damaged))


def test_the_report_names_every_class_and_shows_the_worst_first(workdir, data_dir):
    checkpoint, result, data = evaluate_run(workdir, data_dir)
    report = report_lib.make_report(
        result, data.manifest, checkpoint.step, "validation", 1
    )
    assert json.loads(json.dumps(report)) == report
    assert [c["synset"] for c in report["classes"]] == [
        f"n0000000{label}" for label in range(1, 8)
    ]
    assert sum(c["num_seen"] for c in report["classes"]) == report["num_seen"] == 21
    assert sum(c["top1_errors"] for c in report["classes"]) == report["top1_errors"]
    report["classes"][3].update(num_seen=0)
    text = report_lib.format_report(report, with_classes=True)
    assert text.startswith("step 4, validation, centre view: 21 images")
    rows = [line for line in text.split("\n") if "n0000" in line]
    assert len(rows) == 6 and not any("n00000004" in row for row in rows)
    shares = [float(row.split("%")[0]) for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert "n0000" not in report_lib.format_report(report, with_classes=False)


@pytest.mark.parametrize(("num_classes", "is_reported"), [(5, False), (6, True)])
def test_top5_error_is_reported_with_six_classes_or_more(num_classes, is_reported):
    names = [f"n{label}" for label in range(num_classes)]
    counts = {"num_seen": 4, "top1_errors": 1, "top5_errors": 0}
    report = {
        **counts,
        "step": 4,
        "split": "validation",
        "views": 1,
        "loss": 1.0,
        "top1_error": 0.25,
        "top5_error": 0.0,
        "classes": [{**counts, "synset": name, "text": name} for name in names],
    }
    lines = report_lib.format_report(report, with_classes=True).split("\n")
    assert ("0.00%" in lines[2]) == is_reported
    assert (f"{num_classes} classes" in lines[2]) != is_reported
    assert ("top-5" in lines[4]) == is_reported
    assert [line.count("%") for line in lines[5:]] == [1 + is_reported] * num_classes


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
