"""Tests of `export.other_formats`: every file predicts as the run's network."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.data import evaluation_views
from alexnet_tf.evaluation import evaluate, forward
from alexnet_tf.export import (
    exported,
    onnx_file,
    other_formats,
    saved_model,
    tflite_files,
    tflite_report,
)
from alexnet_tf.runs import trained_network
from alexnet_tf.stack import keras
from tests import data_directories, processes, training_runs
from tfrecords import errors
from tfrecords.durable import checksums

pytestmark = pytest.mark.whole_run

PROGRAMS = pathlib.Path(__file__).parents[2] / "programs"
NUM_CLASSES = 3
VALUES = {
    "num_epochs": 12,
    "eval_batch_size": 4,
    "optimizer.learning_rate": 0.02,
    "keep_checkpoints": 1,
    "checkpoint_every_minutes": 100,
    "eval_every_epochs": 12,
    "model.width": 0.06,
}
SIZE = training_runs.TINY["data.crop_size"]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    path = tmp_path_factory.mktemp("formats")
    data_directories.write_data_directory(
        path / "data",
        num_classes=NUM_CLASSES,
        per_class={"train": 6, "validation": 5},
    )
    training_runs.run(path / "data", path / "run", VALUES)
    return str(path / "run")


@pytest.fixture(scope="module")
def network(workdir):
    return trained_network.load(workdir)


@pytest.fixture(scope="module")
def calibration(workdir):
    data, _ = evaluate.open_run_data(workdir)
    return other_formats.Calibration(data, 10)


@pytest.fixture(scope="module")
def made(tmp_path_factory, network, calibration):
    return saved_model.export(
        network,
        str(tmp_path_factory.mktemp("exports")),
        ("saved_model", "keras", "tflite"),
        calibration,
    )


@pytest.fixture(scope="module")
def extra(made):
    return os.path.join(made.path, "assets.extra")


@pytest.fixture(scope="module")
def images(network, calibration):
    """Training images in RGB 0..255, float32 [18, crop, crop, 3]."""
    return np.concatenate(
        list(tflite_files.read_calibration(calibration.data, network, 100))
    )


@pytest.fixture(scope="module")
def expected(network, images):
    """The run's own probabilities for them."""
    mean = evaluation_views.make_centre_mean(
        network.config.data, network.training_data.statistics
    )
    views = (images - mean)[:, tf.newaxis]
    return forward.compute_probabilities(network.model, views).numpy()


def test_all_files_lie_in_a_version_that_still_is_a_saved_model(made, extra):
    assert sorted(os.listdir(extra)) == [
        "SHA256SUMS",
        "alexnet.keras",
        "export.json",
        "float16.tflite",
        "float32.tflite",
        "int8.tflite",
        "tflite.json",
    ]
    assert made.digest == checksums.compute_digest(made.path)
    assert tf.saved_model.load(made.path).signatures
    assert exported.find_version(os.path.dirname(made.path)) == made.path


def test_keras_answers_as_the_run(extra, images, expected):
    model = keras.models.load_model(os.path.join(extra, other_formats.KERAS_NAME))
    np.testing.assert_allclose(model(images), expected, atol=1e-5)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_keras_answers_the_same_on_other_backends(
    tmp_path, extra, images, expected, backend
):
    if stack.KERAS_MAJOR < 3:
        pytest.skip("Keras 2 has no other backend")
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    np.save(tmp_path / "images.npy", images[:3])
    done = processes.run_python(
        PROGRAMS / "predict_with_keras.py",
        os.path.join(extra, other_formats.KERAS_NAME),
        tmp_path / "images.npy",
        tmp_path / "probabilities.npy",
        KERAS_BACKEND=backend,
        JAX_PLATFORMS="cpu",
    )
    assert done.returncode == 0, done.stderr
    # Neither this package nor TensorFlow: only what a reader of the file has.
    assert done.stdout.split() == [backend]
    found = np.load(tmp_path / "probabilities.npy")
    np.testing.assert_allclose(found, expected[:3], atol=1e-5)


def classify_each(extra, kind, images):
    classify = tflite_files.load(os.path.join(extra, tflite_files.get_name(kind)))
    return np.concatenate([classify(image[np.newaxis]) for image in images])


@pytest.mark.parametrize("kind, tolerance", [("float32", 1e-5), ("float16", 5e-3)])
def test_tflite_answers_as_the_run(extra, images, expected, kind, tolerance):
    found = classify_each(extra, kind, images)
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize("kind", tflite_files.KINDS)
def test_litert_and_tensorflows_interpreter_agree(monkeypatch, extra, images, kind):
    reason = "the extra litert brings ai-edge-litert"
    interpreters = pytest.importorskip("ai_edge_litert.interpreter", reason=reason)
    made = []

    class Interpreter(interpreters.Interpreter):
        def __init__(self, *args, **kwargs):
            made.append(kwargs)
            super().__init__(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(interpreters, "Interpreter", Interpreter)
        assert tflite_files.describe_runtime().startswith("LiteRT ")
        found = classify_each(extra, kind, images)
    assert len(made) == 1
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    assert tflite_files.describe_runtime().startswith("tf.lite of TensorFlow ")
    expected = classify_each(extra, kind, images)
    # Two builds of the same kernels; a rounding may move int8 by a level.
    tolerance = 0.02 if kind == "int8" else 1e-5
    np.testing.assert_allclose(found, expected, atol=tolerance)


def test_int8_agrees_about_the_first_class(extra, images, expected):
    found = classify_each(extra, "int8", images)
    assert np.mean(found.argmax(axis=1) == expected.argmax(axis=1)) >= 0.8
    assert np.abs(found - expected).max() < 0.2
    # It is quantized, so it never equals float32.
    assert np.abs(found - expected).max() > 1e-5


def test_files_become_smaller(extra):
    sizes = [
        os.path.getsize(os.path.join(extra, tflite_files.get_name(kind)))
        for kind in ("float32", "float16", "int8")
    ]
    assert sizes[0] > 1.5 * sizes[1] > 1.5 * sizes[2]


def test_calibration_images_are_records_as_they_are(network, calibration, images):
    assert images.shape == (18, SIZE, SIZE, 3)
    np.testing.assert_array_equal(images, np.round(images))
    assert images.min() >= 0 and images.max() <= 255
    few = list(tflite_files.read_calibration(calibration.data, network, 5))
    np.testing.assert_array_equal(np.concatenate(few), images[:5])


def test_the_table_holds_the_errors_of_the_evaluation(workdir, made, extra):
    _, evaluation, _ = evaluate.evaluate_checkpoint(workdir, "last", "validation", 1)
    with open(os.path.join(extra, tflite_report.NAME), encoding="utf-8") as file:
        record = json.load(file)
    assert record["calibration_pictures"] == 10
    assert record["runtime"] == tflite_files.describe_runtime()
    assert record["runtime"] in made.report[-1]
    rows = record["rows"]
    assert [row["name"] for row in rows] == [
        "TensorFlow float32",
        "float32.tflite",
        "float16.tflite",
        "int8.tflite",
    ]
    for row in rows:
        assert row["num_pictures"] == 15 and row["median_milliseconds"] > 0
    for row in rows[:2]:
        assert row["top1_error"] == evaluation.counts.top1_error
        assert row["top5_error"] == evaluation.counts.top5_error
    for row in rows[1:]:
        path = os.path.join(extra, row["name"])
        assert row["num_bytes"] == os.path.getsize(path)
        assert row["name"] in made.report[-1]


def test_a_wrong_answer_is_an_error_of_the_table(network, calibration):
    def classify(images):
        assert images.shape == (1, SIZE, SIZE, 3)
        return np.array([[0.1, 0.8, 0.1]], np.float32)

    row = tflite_report.measure("x", classify, 7, network, calibration.data)
    # It always predicts one class, to which five of fifteen images belong.
    assert row.top1_error == pytest.approx(2 / 3) and row.num_bytes == 7


def test_without_a_saved_model_the_version_is_passed_over(tmp_path, network):
    first = saved_model.export(network, str(tmp_path)).path
    second = saved_model.export(network, str(tmp_path), ("keras",))
    assert second.path == str(tmp_path / "2")
    assert sorted(os.listdir(second.path)) == ["assets.extra"]
    assert exported.find_version(str(tmp_path)) == first


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_a_failing_format_leaves_nothing(tmp_path, monkeypatch, network, error):
    def fail(model, path):
        with open(path, "wb") as file:
            file.write(b"half")
        if isinstance(error, OSError):
            error.filename = path
        raise error

    monkeypatch.setattr(keras.Model, "save", fail)
    with pytest.raises((errors.StorageError, KeyboardInterrupt)):
        saved_model.export(network, str(tmp_path), ("saved_model", "keras"))
    assert os.listdir(tmp_path) == []


def test_a_failing_converter_leaves_nothing(
    tmp_path, monkeypatch, network, calibration
):
    def fail(self):
        raise RuntimeError("no such operator")

    monkeypatch.setattr(
        tf.lite.TFLiteConverter,
        "from_concrete_functions",
        lambda *_: type("Converter", (), {"convert": fail})(),
    )
    with pytest.raises(errors.DataError, match=r"float32\.tflite \(no such operator\)"):
        saved_model.export(network, str(tmp_path), ("tflite",), calibration)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", onnx_file.PACKAGES)
def test_a_missing_package_is_named_before_anything_is_written(
    tmp_path, monkeypatch, network, name
):
    for package in onnx_file.PACKAGES:
        module = type(sys)(package)
        module.__spec__ = tf.__spec__
        monkeypatch.setitem(sys.modules, package, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(errors.UserError, match=rf"package {name}, .*alexnet-tf\[onnx"):
        saved_model.export(network, str(tmp_path / "exports"), ("saved_model", "onnx"))
    assert os.listdir(tmp_path) == []


def test_onnx_answers_as_the_run_whatever_the_batch(
    tmp_path, network, images, expected
):
    for package in (*onnx_file.PACKAGES, "onnxruntime"):
        pytest.importorskip(package, reason=f"the extra onnx brings {package}")
    import onnxruntime

    made = saved_model.export(network, str(tmp_path), ("onnx",))
    assert "in onnxruntime" in made.report[0]
    path = os.path.join(made.path, "assets.extra", onnx_file.NAME)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for value in (*session.get_inputs(), *session.get_outputs()):
        assert value.shape[0] == "batch"
    assert [value.name for value in session.get_inputs()] == ["images"]
    assert [value.name for value in session.get_outputs()] == ["probabilities"]
    for count in (1, 7, 18):
        (found,) = session.run(None, {"images": images[:count]})
        np.testing.assert_allclose(found, expected[:count], atol=1e-4)


def test_onnx_with_other_outputs_is_not_exported(tmp_path, monkeypatch, network):
    for package in (*onnx_file.PACKAGES, "onnxruntime"):
        pytest.importorskip(package, reason=f"the extra onnx brings {package}")
    monkeypatch.setattr(onnx_file, "compare", lambda model, path: 0.25)
    with pytest.raises(errors.DataError, match=r"onnx.* 0\.25, .*0\.0001"):
        saved_model.export(network, str(tmp_path), ("onnx",))
    assert os.listdir(tmp_path) == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
