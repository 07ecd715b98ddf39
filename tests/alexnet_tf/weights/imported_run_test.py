"""Tests of `weights.imported_run`: a run's directory made of others' weights."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from alexnet_tf import experiments
from alexnet_tf.config import overrides
from alexnet_tf.evaluation import evaluate
from alexnet_tf.runs import data_summary, run_record, trained_network
from alexnet_tf.weights import imported_run
from alexnet_tf.weights.mapping import Layout
from tests import data_directories, training_runs
from tests.alexnet_tf import foreign_weights
from tfrecords import errors
from tfrecords.shards import manifest

WEIGHTS = foreign_weights.make_weights()
LAYOUT = Layout("oihw", "chw", "rgb")
CLASSES = data_directories.make_classes(foreign_weights.NUM_CLASSES)
MEAN = (120.0, 110.0, 100.0)


def make_config(**values):
    given = {"model.width": foreign_weights.WIDTH, "data.mean": "channel", **values}
    return overrides.override(experiments.get_config("caffe"), given)


def make_arrays():
    arrays = {}
    for layer, pair in WEIGHTS.items():
        arrays[f"{layer}.weight"], arrays[f"{layer}.bias"] = pair
    return arrays


def write(path, arrays=None, mean_image=None, config=None, classes=CLASSES):
    if mean_image is None:
        mean_image = imported_run.make_mean_image(MEAN)
    return imported_run.write_run(
        str(path),
        config or make_config(),
        classes,
        imported_run.make_statistics(mean_image),
        "theirs/network.pt",
        make_arrays() if arrays is None else arrays,
        LAYOUT,
        ["import_weights.py", "--input=theirs/network.pt"],
    )


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A workdir of all the weights, and a data directory of the same classes."""
    path = tmp_path_factory.mktemp("imported")
    data_directories.write_data_directory(
        path / "data", num_classes=foreign_weights.NUM_CLASSES, per_class=2
    )
    mapped = write(path / "run")
    assert mapped.missing == mapped.unused == ()
    return path


def test_it_is_a_run_with_these_weights(imported):
    network = trained_network.load(str(imported / "run"))
    arrays = network.checkpoint.arrays
    found = {n: a for n, a in arrays.items() if n.startswith("weights/")}
    expected = foreign_weights.to_towers(WEIGHTS)
    foreign_weights.assert_same_bits(
        found, {f"weights/{name}": array for name, array in expected.items()}
    )
    assert network.checkpoint.step == 0
    for name in set(arrays) - set(found) - {"loss_scale/scale"}:
        assert not arrays[name].any(), name
    assert network.config == make_config()
    statistics = network.training_data.statistics
    assert statistics.mean_rgb.tolist() == list(MEAN)
    assert statistics.mean_image.shape == (256, 256, 3)
    assert statistics.eigenvalues.tolist() == [0, 0, 0]
    assert statistics.eigenvectors.tolist() == np.eye(3).tolist()
    assert network.training_data.classes == CLASSES
    record = run_record.read_record(str(imported / "run"))
    assert record["starts"][0]["command"][1] == "--input=theirs/network.pt"
    assert record["starts"][0]["weights"]["name"] == "network.pt"
    assert record["saved_step"] == 0
    assert sorted(os.listdir(imported / "run")) == [
        *("LOCK", "checkpoints", "run.json", "training_data"),
    ]


def test_it_is_evaluated_on_data_of_these_classes(imported):
    run, data = str(imported / "run"), str(imported / "data")
    _, result, _ = evaluate.evaluate_checkpoint(run, "last", "validation", 1, data)
    assert result.counts.num_seen == 2 * foreign_weights.NUM_CLASSES
    with pytest.raises(errors.UserError, match=r"imported weights.*--data_dir"):
        evaluate.evaluate_checkpoint(run, "last", "validation", 1)


def test_a_run_begins_with_it_but_it_is_not_trained_on(imported, tmp_path):
    run, data = str(imported / "run"), str(imported / "data")
    values = overrides.to_dict(make_config())
    given = {
        name: values[name]
        for name in (
            *("model.width", "model.normalization_scope", "model.dropout_scaling"),
            *("model.normalization_bias", "data.crop_size", "data.crop_positions"),
        )
    }
    with pytest.raises(
        errors.UserError, match=r"trained elsewhere.*--config.init_from"
    ):
        training_runs.run(data, run, given)
    values = {**given, "num_epochs": 0, "init_from": run}
    training_runs.run(data, tmp_path / "new", values)
    arrays = training_runs.load_checkpoint(tmp_path / "new").arrays
    for name, array in foreign_weights.to_towers(WEIGHTS).items():
        np.testing.assert_array_equal(arrays[f"weights/{name}"], array)
    kept = data_summary.load(str(tmp_path / "new"))
    assert kept.statistics.mean_rgb.tolist() == list(MEAN)


def test_layers_that_are_missing_are_random(tmp_path):
    arrays = {n: a for n, a in make_arrays().items() if not n.startswith("fc8")}
    mapped = write(tmp_path / "run", arrays)
    assert mapped.missing == ("fc8",)
    found = training_runs.load_checkpoint(tmp_path / "run").arrays
    # 0.01 times sqrt(4096 / 256): the deviation follows the number of inputs.
    assert 0.032 < found["weights/fc8/kernel"].std() < 0.048
    expected = foreign_weights.to_towers(WEIGHTS)["conv1a/kernel"]
    np.testing.assert_array_equal(found["weights/conv1a/kernel"], expected)


def test_an_impossible_import_is_refused_and_leaves_nothing(tmp_path):
    path = tmp_path / "run"
    small = imported_run.make_mean_image(MEAN)[:200, :200]
    cases = [
        ({"mean_image": small}, "200x200 .* 227"),
        ({"arrays": {"conv1.bias": np.zeros(6)}}, "no complete layer"),
        ({"classes": CLASSES[:4]}, "check --classes"),
        ({"config": make_config(**{"model.width": 0.125})}, "--width"),
    ]
    for arguments, words in cases:
        with pytest.raises(errors.UserError, match=words):
            write(path, **arguments)
    assert os.listdir(tmp_path) == []
    path.mkdir()
    (path / "notes.txt").write_text("mine")
    with pytest.raises(errors.UserError, match="run already exists"):
        write(path)
    assert os.listdir(path) == ["notes.txt"]


def test_classes_of_a_file_and_of_a_data_directory(tmp_path, imported):
    path = tmp_path / "classes.txt"
    path.write_text("n01440764 tench, Tinca tinca\n\nn01443537\n", encoding="utf-8")
    assert imported_run.read_classes(str(path)) == (
        manifest.ClassInfo("n01440764", "tench, Tinca tinca"),
        manifest.ClassInfo("n01443537", "n01443537"),
    )
    assert imported_run.read_classes(str(imported / "data")) == CLASSES
    twice = "n01440764 x\nn01443537\nn01440764 y\n"
    for text, words in ((twice, "holds n01440764 twice"), ("\n", "holds no class")):
        path.write_text(text)
        with pytest.raises(errors.UserError, match=words):
            imported_run.read_classes(str(path))
    # Names without a synset, as torchvision's list has them; the mark of Windows.
    names = ("golden retriever", "crane", "crane", "n", "notebook, notebook computer")
    path.write_text("\ufeff" + "\n".join(names), encoding="utf-8")
    found = imported_run.read_classes(str(path))
    assert tuple(info.text for info in found) == names
    assert [info.synset for info in found] == [
        *("golden retriever", "crane #1", "crane #2"),
        *("n", "notebook, notebook computer"),
    ]
    path.write_bytes(b"\xff\xfe")
    for wrong in (path, tmp_path / "nowhere"):
        with pytest.raises(errors.UserError, match="cannot be read as a list of"):
            imported_run.read_classes(str(wrong))


def test_lines_without_a_synset_id_are_class_names(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("great white shark\ncrane\nn01440764 tench\n\ncrane \nn0 x\n")
    assert imported_run.read_classes(str(path)) == (
        manifest.ClassInfo("great white shark", "great white shark"),
        manifest.ClassInfo("crane #1", "crane"),
        manifest.ClassInfo("n01440764", "tench"),
        manifest.ClassInfo("crane #3", "crane"),
        manifest.ClassInfo("n0 x", "n0 x"),
    )


def test_classes_by_number():
    classes = imported_run.make_classes("file", make_arrays())
    assert classes[3] == manifest.ClassInfo("0003", "class 3")
    assert len(classes) == foreign_weights.NUM_CLASSES
    with pytest.raises(errors.UserError, match="holds no last layer"):
        imported_run.make_classes("file", {"conv1/bias": np.zeros(6)})
    with pytest.raises(errors.DataError, match="without outputs"):
        imported_run.make_classes("file", {"fc8/bias": np.zeros(0)})


def test_mean_images(tmp_path):
    path = str(tmp_path / "mean.npy")
    # Blue, green, red, as Caffe's file has them.
    planar = np.stack([np.full((256, 256), level) for level in (104.0, 117.0, 123.0)])
    planar[0, 3, 7] = 1.0
    np.save(path, planar)
    image = imported_run.read_mean_image(path, "bgr")
    assert image[0, 0].tolist() == [123.0, 117.0, 104.0]
    assert image[3, 7].tolist() == [123.0, 117.0, 1.0]
    np.save(path, planar.transpose(1, 2, 0).astype(np.uint8))
    image = imported_run.read_mean_image(path, "rgb")
    assert image[3, 7].tolist() == [1.0, 117.0, 123.0]
    assert image.dtype == np.float64
    for array, words in (
        (planar[:2], r"holds float64 \[2, 256, 256\]"),
        (planar / 255 - 1, r"0\.\.255"),
        (planar * np.nan, r"0\.\.255"),
        (np.array([None]), "cannot be read as a mean image"),
    ):
        np.save(path, array)
        with pytest.raises(errors.UserError, match=words):
            imported_run.read_mean_image(path, "rgb")
    with open(path, "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (1 << 20, 1 << 20)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(errors.UserError, match="cannot be read as a mean image"):
        imported_run.read_mean_image(path, "rgb")


@pytest.mark.parametrize("mean", [(1.0, 2.0), (1.0, 2.0, 256.0), (np.nan, 1.0, 1.0)])
def test_invalid_mean_colours_are_refused(mean):
    with pytest.raises(errors.UserError, match=r"0\.\.255"):
        imported_run.make_mean_image(mean)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
