"""The whole explanation of a golden run's answers, against its parts."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import tarfile

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.data import evaluation_views
from alexnet_tf.inference import predict
from alexnet_tf.inference.explain import build, page, training_images
from alexnet_tf.inference.explain.kernels import Kernel
from alexnet_tf.runs import trained_network
from tests import data_directories, training_runs
from tests.alexnet_tf import small_networks
from tfrecords import errors
from tfrecords.shards import manifest

GOLDEN = pathlib.Path(__file__).parents[3] / "golden"
OPTIONS = build.Options(num_images=6, num_maps=3, num_kernels=2, num_patches=4)


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """The folder of `run`, of its data and of images; the working directory."""
    folder = tmp_path_factory.mktemp("golden")
    for name in ("data_jpeg", "run"):
        with tarfile.open(GOLDEN / f"{name}.tar.xz") as archive:
            archive.extractall(folder, filter="data")
    before = os.getcwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def paths(golden):
    return sorted(map(str, golden.glob("images/validation/*/*.png")))[:2]


@pytest.fixture(scope="module")
def explained(golden, paths):
    return build.build_explanation("run", "last", paths, None, OPTIONS)


@pytest.fixture(scope="module")
def network(golden):
    return trained_network.load("run")


def make_views(network, images):
    transform = evaluation_views.make_view_transform(
        network.config.data, network.training_data.statistics, 1
    )
    return transform(tf.constant(images))[:, 0]


def test_answers_are_those_of_predict(network, explained, paths):
    predictor = predict.make_predictor(network, 1)
    found = list(predict.predict_files(predictor, paths))
    for image, prediction in zip(explained.images, found, strict=True):
        assert image.path == prediction.path
        assert [a.probability for a in image.answers] == [
            prediction.probabilities[label] for label in prediction.get_top()
        ]
        # The folder's name is the class's.
        named = [a.name for a in image.answers if a.is_truth]
        assert named == [os.path.basename(os.path.dirname(image.path))]
        # 67 of 256 pixels, from 94.
        np.testing.assert_array_equal(
            image.crop, prediction.image[94 : 94 + 67, 94 : 94 + 67]
        )


def test_maps_are_the_layers_outputs_strongest_first(network, explained):
    image = explained.images[1]
    view = make_views(network, pad(image.crop))
    for number, layer in enumerate(image.layers, 1):
        assert layer.name == f"conv{number}"
        names = [f"relu{number}{tower}" for tower in "ab"]
        outputs = small_networks.call(network.model, names, view)
        assert layer.low == 0
        assert layer.high == pytest.approx(max(out.max() for out in outputs), rel=1e-5)
        for tower, (output,) in zip(layer.towers, outputs, strict=True):
            assert tower.num_kernels == output.shape[-1]
            peaks = output.max(axis=(0, 1))
            assert tower.num_active == (peaks > 0).sum()
            assert len(tower.maps) == min(3, tower.num_kernels)
            strengths = [shown.response for shown in tower.maps]
            assert strengths == pytest.approx(
                sorted(peaks, reverse=True)[: len(strengths)], rel=1e-5
            )
            for shown in tower.maps:
                np.testing.assert_allclose(
                    shown.values, output[..., shown.number], atol=1e-5 * layer.high
                )


def pad(crop):
    """An image whose central crop this is, in a batch of one."""
    image = np.zeros((1, 256, 256, 3), np.uint8)
    image[0, 94 : 94 + 67, 94 : 94 + 67] = crop
    return image


def test_cards_show_the_strongest_that_respond(explained):
    for image in explained.images:
        for layer in image.layers:
            expected = [
                Kernel(tower.name, shown.number)
                for tower in layer.towers
                for shown in tower.maps[:2]
                if shown.response > 0
            ]
            assert [card.kernel for card in layer.kernels] == expected
            for card in layer.kernels:
                assert card.patch.shape == (layer.field.size,) * 2 + (3,)
                assert (card.weights is not None) == (layer.name == "conv1")


@pytest.mark.parametrize("number", [1, 5])
def test_training_patches_are_cut_at_the_greatest_responses(network, explained, number):
    """From all maps of all images that were searched."""
    training, _ = training_images.find("run", None, OPTIONS.num_images)
    read = [training.read(row) for row in range(OPTIONS.num_images)]
    images = np.stack([image for image, _ in read])
    names = [f"relu{number}{tower}" for tower in "ab"]
    outputs = small_networks.call(network.model, names, make_views(network, images))
    layer = explained.images[0].layers[number - 1]
    assert layer.kernels
    for card in layer.kernels:
        maps = outputs["ab".index(card.kernel.tower[-1])][..., card.kernel.number]
        peaks = maps.max(axis=(1, 2))
        best = [n for n in np.argsort(-peaks, kind="stable")[:4] if peaks[n] > 0]
        assert len(card.training) == len(best)
        for patch, row in zip(card.training, best, strict=True):
            assert patch.response == pytest.approx(peaks[row], rel=1e-5)
            assert patch.class_name == read[row][1].text
            place = np.unravel_index(maps[row].argmax(), maps[row].shape)
            top, left = (layer.field.start + layer.field.jump * n for n in place)
            size = layer.field.size
            padded = np.full((67 + 2 * size, 67 + 2 * size, 3), 224, np.uint8)
            padded[size : size + 67, size : size + 67] = images[
                row, 94 : 94 + 67, 94 : 94 + 67
            ]
            top, left = top + size, left + size
            np.testing.assert_array_equal(
                patch.pixels, padded[top : top + size, left : left + size]
            )


def test_other_answers_are_counted(explained):
    for image in explained.images:
        probabilities = image.occlusion.probabilities
        # With two classes the other is the answer where this has less than a half.
        assert sum(n for _, n in image.other_answers) == (probabilities < 0.5).sum()
        assert image.occlusion.side == 10


def test_named_kernels_are_shown_in_place_of_the_strongest(golden, paths):
    options = build.Options(2, 1, 2, 1, 5, ("conv2b:1", "conv4a:0"))
    found = build.build_explanation("run", 4, paths[:1], None, options)
    (image,) = found.images
    cards = [str(card.kernel) for layer in image.layers for card in layer.kernels]
    assert cards == ["conv2b:1", "conv4a:0"]
    assert image.occlusion.side == 5 and found.facts["checkpoint"] == "step 4"


def test_only_synsets_names_are_shortened():
    info = manifest.ClassInfo("n01440764", "tench, Tinca tinca")
    assert build.shorten(info) == "tench"
    assert build.shorten(manifest.ClassInfo("Paris, Texas", "Paris, Texas")) == (
        "Paris, Texas"
    )


def test_mistakes_are_named(golden, paths, tmp_path):
    def explain(*more, workdir="run", data_dir=None, **values):
        options = build.Options(num_images=2, **values)
        return build.build_explanation(
            workdir, "last", [*paths[:1], *more], data_dir, options
        )

    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    with pytest.raises(errors.DataError, match=r"bad\.png cannot be explained"):
        explain(str(bad))
    with pytest.raises(errors.UserError, match="conv7"):
        explain(kernels=("conv7:0",))
    with pytest.raises(errors.UserError, match="67 pixels"):
        explain(square=67)
    with pytest.raises(errors.UserError, match="nowhere"):
        explain(data_dir="nowhere")
    with pytest.raises(errors.UserError, match="no run"):
        explain(workdir=str(tmp_path))


def test_without_its_data_the_rest_is_explained(golden, paths, tmp_path, monkeypatch):
    shutil.copytree("run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    found = build.build_explanation("run", "last", paths[:1], None, OPTIONS)
    assert "data_jpeg" in found.why_no_patches and found.num_training_images == 0
    cards = [card for layer in found.images[0].layers for card in layer.kernels]
    assert cards and all(card.training is None for card in cards)
    assert "data_jpeg" in page.make(found)


def test_one_tower_local_kernels_and_tanh_on_small_crops(tmp_path):
    data_directories.write_data_directory(tmp_path / "data", per_class=5)
    values = {
        "num_epochs": 1,
        "data.crop_size": 24,
        "model.network": "cifar10_11pct",
        "model.width": 0.1,
        "model.pool_rounding": "up",
        "model.activation": "tanh",
    }
    training_runs.run(tmp_path / "data", tmp_path / "run", values)
    image = tmp_path / "image.png"
    drawn = data_directories.draw_image(1, 2, np.random.default_rng(0))
    image.write_bytes(data_directories.encode_jpeg(drawn))
    workdir, paths = str(tmp_path / "run"), [str(image)]
    found = build.build_explanation(workdir, "last", paths, None, OPTIONS)
    shown = found.images[0].layers
    layers = ["conv1", "conv2", "local3", "local4"]
    assert [layer.name for layer in shown] == layers
    assert [tower.name for layer in shown for tower in layer.towers] == layers
    assert [layer.is_local for layer in shown] == [False, False, True, True]
    # tanh responds below zero, too, and the scale begins there.
    assert all(-1 <= layer.low < 0 < layer.high <= 1 for layer in shown)
    assert all(card.training for layer in shown for card in layer.kernels)
    assert "kernels of its own" in page.make(found)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
