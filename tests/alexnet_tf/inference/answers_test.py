"""Tests of `alexnet_tf.inference.answers`, on a golden run and exports of it."""

from __future__ import annotations

import pathlib
import sys
import tarfile

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_tf.data import evaluation_views
from alexnet_tf.export import saved_model
from alexnet_tf.inference import answers, predict
from alexnet_tf.runs import trained_network
from alexnet_tf.training import diagnostics
from tfrecords import errors

GOLDEN = pathlib.Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """`run`, its old `export`, and `new`, one of today; images."""
    folder = tmp_path_factory.mktemp("golden")
    for name in ("data_jpeg", "run", "export"):
        with tarfile.open(GOLDEN / f"{name}.tar.xz") as archive:
            archive.extractall(folder, filter="data")
    network = trained_network.load(str(folder / "run"))
    saved_model.export(network, str(folder / "new"))
    return folder


@pytest.fixture(scope="module")
def image(golden):
    return str(next(golden.glob("images/validation/*/*")))


@pytest.fixture(scope="module")
def opened(golden):
    return {name: answers.open_model(str(golden / name)) for name in ("run", "new")}


def test_a_run_and_its_export_give_the_same_answer(opened, image):
    for num_views in answers.VIEWS:
        run, export = (each.answer(image, num_views) for each in opened.values())
        assert run.top == pytest.approx(export.top, abs=1e-6)
        assert list(run.top) == list(export.top)
        assert sum(run.top.values()) == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(run.responses, export.responses, atol=1)


def test_it_is_the_answer_of_predict(golden, opened, image):
    for num_views in answers.VIEWS:
        predictor = predict.open_export(str(golden / "new"), num_views)
        (found,) = predict.predict_files(predictor, [image])
        top = opened["new"].answer(image, num_views).top
        assert list(top.values()) == [
            float(found.probabilities[label]) for label in found.get_top()
        ]
        text = predict.format_text(found, predictor.classes)
        assert all(name in text for name in top)


def test_the_responses_are_conv1s(golden, opened, image):
    """Convolved by NumPy: window times kernel, summed, plus the bias; then ReLU."""
    network = trained_network.load(str(golden / "run"))
    (found,) = predict.predict_files(opened["run"]._predictors[1], [image])
    mean = evaluation_views.make_centre_mean(
        network.config.data, network.training_data.statistics
    )
    crop = evaluation_views.centre_crop(
        tf.constant(found.image), network.config.data.crop_size
    )
    view = np.asarray(tf.cast(crop, tf.float32) - mean, np.float64)
    layers = [network.model.get_layer(f"conv1{tower}") for tower in "ab"]
    before, after = layers[0].padding
    view = np.pad(view, ((before, after), (before, after), (0, 0)))
    size, stride = layers[0].size, layers[0].stride
    side = (len(view) - size) // stride + 1
    kernel, bias = (
        np.concatenate(weights, axis=-1)
        for weights in zip(*(layer.get_weights() for layer in layers), strict=True)
    )
    expected = np.zeros((side, side, kernel.shape[-1]))
    for row in range(side):
        for column in range(side):
            top, left = stride * row, stride * column
            window = view[top : top + size, left : left + size, :, np.newaxis]
            expected[row, column] = (window * kernel).sum(axis=(0, 1, 2)) + bias
    expected = np.maximum(expected, 0)
    (maps,) = opened["run"]._respond(found.image[np.newaxis])
    np.testing.assert_allclose(maps, expected, atol=1e-4 * expected.max())
    drawn = opened["run"].answer(image, 1).responses
    gray = np.repeat(maps[:, :, np.newaxis], 3, axis=2)
    np.testing.assert_array_equal(drawn, diagnostics.draw_kernels([gray], 1, 12))
    assert drawn.dtype == np.uint8 and drawn.shape[1] == 12 * (side + 4)


def test_an_export_of_an_earlier_version_has_no_responses(golden, image):
    answer = answers.open_model(str(golden / "export")).answer(image, 1)
    assert answer.responses is None and len(answer.top) == 2


def test_a_bad_image_is_an_error_with_the_reason(opened, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"<html>")
    with pytest.raises(errors.DataError, match=r"not a JPEG|no JPEG"):
        opened["new"].answer(str(tmp_path / "bad.png"), 1)
    Image.new("RGB", (40, 30)).save(tmp_path / "small.png")
    assert opened["new"].answer(str(tmp_path / "small.png"), 1).top


def test_what_is_neither_run_nor_export_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(errors.UserError, match=r"neither a run .* nor an export"):
            answers.open_model(str(path))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
