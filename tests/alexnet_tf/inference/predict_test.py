"""Tests of `alexnet_tf.inference.predict`."""

from __future__ import annotations

import csv
import functools
import io
import os
import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_tf.export import saved_model
from alexnet_tf.inference import predict
from alexnet_tf.runs import trained_network
from tests import data_directories, training_runs
from tfrecords import errors
from tfrecords.images import resize
from tfrecords.shards import manifest

NUM_CLASSES = 6


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs")
    data_directories.write_data_directory(path / "data", num_classes=NUM_CLASSES)
    training_runs.run(path / "data", path / "run", {"num_epochs": 1})
    return trained_network.load(str(path / "run"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes' folders by synset and by name, a loose image, and odd files."""
    path = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for name, label in (("n00000002", 1), ("class 4", 4), (".", 0)):
        (path / name).mkdir(exist_ok=True)
        for number in range(2):
            image = data_directories.draw_image(
                label, NUM_CLASSES, generator, 280 + number, 333
            )
            Image.fromarray(image).save(path / name / f"{number}.png")
    (path / "notes.txt").write_text("no image")
    (path / "class 4" / "bad.JPG").write_bytes(b"\xff\xd8\xff broken")
    return path


def make_zeros(images):
    return np.zeros((len(images), 4), np.float32)


def predict_all(predictor, paths):
    return list(predict.predict_files(predictor, paths, batch_size=3))


def test_files_folders_and_patterns_are_found_once_and_in_order(folder):
    found = predict.find_images([str(folder / "n0*" / "1.png"), str(folder)])
    assert [f.removeprefix(f"{folder}/") for f in found] == [
        "n00000002/1.png",
        "0.png",
        "1.png",
        "class 4/0.png",
        "class 4/1.png",
        "class 4/bad.JPG",
        "n00000002/0.png",
    ]
    # A file given by name is used whatever its suffix.
    notes = str(folder / "notes.txt")
    assert predict.find_images([notes]) == [notes]


def test_names_that_match_nothing_are_refused(tmp_path):
    with pytest.raises(errors.UserError, match=r"contains no images .*\.png"):
        predict.find_images([str(tmp_path)])
    with pytest.raises(errors.UserError, match=r"\*\.png is not a file"):
        predict.find_images([str(tmp_path / "*.png")])


def test_folders_are_walked_by_the_converters_rule(tmp_path, folder, monkeypatch):
    root = tmp_path / "root"
    (root / "class 4" / ".ipynb_checkpoints").mkdir(parents=True)
    (root / "closed").mkdir()
    for name in (
        "class 4/0.png",
        "class 4/._0.png",
        "class 4/.ipynb_checkpoints/0.png",
    ):
        shutil.copy(folder / "0.png", root / name)
    (root / "n00000002").symlink_to(folder / "n00000002")
    (root / "again").symlink_to(root)
    os.mkfifo(root / "pipe.png")
    scandir, listdir = os.scandir, os.listdir

    def refuse(function, path):
        if path == str(root / "closed"):
            raise PermissionError(13, "Permission denied", path)
        return function(path)

    monkeypatch.setattr(os, "scandir", functools.partial(refuse, scandir))
    monkeypatch.setattr(os, "listdir", functools.partial(refuse, listdir))
    found = predict.find_images([str(root)])
    assert [path.removeprefix(f"{root}/") for path in found] == [
        "pipe.png",
        "class 4/0.png",
        "closed",
        "n00000002/0.png",
        "n00000002/1.png",
    ]
    # A pattern that finds a folder, as the shell's would.
    assert predict.find_images([str(root / "n*")]) == found[-2:]
    classes = (manifest.ClassInfo("n00000002", "x"),)
    predictor = predict.Predictor(classes, 8, lambda images: np.ones((len(images), 1)))
    answers = predict_all(predictor, found)
    reasons = {a.path.removeprefix(f"{root}/"): a.error for a in answers if a.error}
    assert reasons == {
        "pipe.png": "it is a named pipe, not a file",
        "closed": "it cannot be read: Permission denied",
    }


def test_a_name_of_two_classes_is_the_truth_of_neither(tmp_path, folder):
    pairs = [("n1", "crane"), ("n2", "crane"), ("n3", "n1"), ("n4", "kite")]
    classes = tuple(manifest.ClassInfo(*pair) for pair in pairs)
    predictor = predict.Predictor(classes, 8, lambda images: np.ones((len(images), 4)))
    truths = {}
    for name in ("crane", "n1", "n2", "n3", "kite"):
        (tmp_path / name).mkdir()
        path = str(shutil.copy(folder / "0.png", tmp_path / name))
        (truths[name],) = (p.truth for p in predict_all(predictor, [path]))
    assert truths == {"crane": None, "n1": 0, "n2": 1, "n3": 2, "kite": 3}


@pytest.mark.parametrize("num_views", [1, 10])
def test_run_and_export_answer_alike(tmp_path, network, folder, num_views):
    saved_model.export(network, str(tmp_path))
    paths = predict.find_images([str(folder)])
    ours = predict_all(predict.make_predictor(network, num_views), paths)
    theirs = predict_all(predict.open_export(str(tmp_path), num_views), paths)
    for one, other in zip(ours, theirs, strict=True):
        assert one.path == other.path and one.error == other.error
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when")],
)
def test_lack_of_memory_is_reported_by_every_predictor(folder, error):
    def fail(images):
        raise error

    predictor = predict.Predictor((), 8, fail)
    with pytest.raises(errors.DeviceMemoryError):
        predict_all(predictor, [str(folder / "0.png")])


def test_what_the_network_sees_is_what_the_converter_stores(network, folder):
    path = folder / "n00000002" / "1.png"
    (prediction,) = predict_all(predict.make_predictor(network, 1), [str(path)])
    image = np.asarray(Image.open(path))
    np.testing.assert_array_equal(prediction.image, resize.resize_and_crop(image))
    assert prediction.error == "" and prediction.truth == 1
    np.testing.assert_allclose(prediction.probabilities.sum(), 1, atol=1e-6)


def test_a_bad_file_only_says_so_and_folders_name_the_truth(network, folder):
    paths = [*predict.find_images([str(folder)]), str(folder / "gone.png")]
    found = predict_all(predict.make_predictor(network, 1), paths)
    assert [p.path for p in found] == paths
    assert [p.truth for p in found] == [None, None, 4, 4, 4, 1, 1, None]
    errors_by_name = {p.path.rpartition("/")[2]: p.error for p in found if p.error}
    assert set(errors_by_name) == {"bad.JPG", "gone.png"}
    assert errors_by_name["gone.png"] == "it cannot be read: No such file or directory"


def test_exif_orientation_is_applied_by_default(tmp_path, network):
    pixels = data_directories.draw_image(
        0, NUM_CLASSES, np.random.default_rng(1), 256, 256
    )
    exif = Image.Exif()
    exif[274] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    predictor = predict.make_predictor(network, 1)
    for applies, expected in ((True, pixels[::-1, ::-1]), (False, pixels)):
        (prediction,) = predict.predict_files(
            predictor, [str(tmp_path / "a.png")], apply_orientation=applies
        )
        np.testing.assert_array_equal(prediction.image, expected)


def make_prediction(error="", truth=2):
    classes = data_directories.make_classes(NUM_CLASSES)
    probabilities = np.array([0.1, 0.3, 0.3, 0.2, 0.06, 0.04], np.float32)
    nothing = np.zeros(0, np.float32)
    image = np.zeros((4, 4, 3), np.uint8)
    answer = nothing if error else probabilities
    return predict.Prediction('a "b".png', error, answer, image, truth), classes


def test_the_most_probable_come_first_ties_by_label():
    assert make_prediction()[0].get_top() == [1, 2, 3, 0, 4]
    assert make_prediction()[0].get_top(2) == [1, 2]


def test_text():
    lines = predict.format_text(*make_prediction()).splitlines()
    assert lines[0] == 'a "b".png' and len(lines) == 6
    assert lines[1] == "   30.00%  class 1 (n00000002)"
    assert lines[2] == "   30.00%  class 2 (n00000003)  <- the folder's name"
    assert predict.format_text(*make_prediction("it is damaged")) == (
        'a "b".png\n  not predicted: it is damaged'
    )


def test_json_values():
    value = predict.to_json(*make_prediction())
    assert value["path"] == 'a "b".png' and value["label_of_folder"] == 2
    assert [a["label"] for a in value["top5"]] == [1, 2, 3, 0, 4]
    assert value["top5"][2]["name"] == "class 3"
    assert value["top5"][2]["probability"] == pytest.approx(0.2)
    assert predict.to_json(*make_prediction("damaged"))["top5"] == []


def test_csv_can_be_read_back():
    text = "\n".join(
        [
            predict.CSV_HEADER,
            predict.format_csv(*make_prediction()),
            predict.format_csv(*make_prediction("damaged, or no image")),
        ]
    )
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5", ""]
    assert rows[0]["path"] == 'a "b".png' and rows[0]["synset"] == "n00000002"
    assert rows[5]["error"] == "damaged, or no image"


def test_a_name_of_a_class_cannot_control_the_terminal():
    prediction, classes = make_prediction()
    odd = [
        manifest.ClassInfo(f"{k}\n\x1b[31m\u202e", "a\tb") for k in range(len(classes))
    ]
    lines = predict.format_text(prediction, odd).splitlines()
    assert len(lines) == 1 + len(prediction.get_top())
    assert all(line.isprintable() for line in lines)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
