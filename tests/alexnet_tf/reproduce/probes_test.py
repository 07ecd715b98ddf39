"""Tests of the probes: by hand, and on a tiny trained network."""

from __future__ import annotations

import functools
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_tf.devices.placement import Placement
from alexnet_tf.network.build import build_network
from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.reproduce import dropout_average, kernel_probes, off_centre, probes
from alexnet_tf.runs import trained_network
from tests import data_directories, training_runs

# Outputs that depend on the images and on normalization, without hours of training.
VALUES = {
    "model.width": 0.125,
    "model.initial_stddev": 0.05,
    "model.initial_stddev_conv345": 0.05,
    "model.normalization_alpha": 0.01,
    "optimizer.learning_rate": 1e-6,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    data_directories.write_data_directory(path / "data", num_classes=3, per_class=4)
    training_runs.run(path / "data", path / "run", VALUES)
    return probes.Trained(str(path / "run"), str(path / "data"), "validation", {})


def test_colour_shares_of_known_kernels():
    grey = np.ones((2, 2, 3))
    red = np.zeros((2, 2, 3))
    red[..., 0] = 1
    opposed = np.zeros((2, 2, 3))
    opposed[..., 0], opposed[..., 1] = 1, -1
    kernels = np.stack([grey, red, opposed], axis=-1)
    # Red: grey part 1/3 in each channel; the rest is 4/9 + 1/9 + 1/9.
    shares = kernel_probes.compute_colour_shares(kernels)
    np.testing.assert_allclose(shares, [0, 2 / 3, 1], atol=1e-12)


@pytest.mark.parametrize("cycles, angle", [(2 / 11, 0), (3 / 11, 90), (2.8 / 11, 45)])
def test_frequency_and_orientation_of_waves(cycles, angle):
    y, x = np.mgrid[:11, :11]
    radians = np.deg2rad(angle)
    phase = 2 * np.pi * cycles * (x * np.cos(radians) + y * np.sin(radians))
    kernels = np.repeat(np.sin(phase)[..., None, None], 3, axis=2)
    frequencies, orientations = kernel_probes.find_frequencies(kernels)
    assert frequencies[0] == pytest.approx(cycles, abs=0.03)
    difference = abs(orientations[0] - radians) % np.pi
    assert min(difference, np.pi - difference) < 0.2


def test_alike_neighbours_are_found_and_chance_is_not():
    generator = np.random.default_rng(0)
    # Each kernel is its neighbour with a little noise, in a random walk.
    steps = generator.normal(size=(5, 5, 3, 24))
    assert kernel_probes.compute_p_value(np.cumsum(steps, axis=-1)) < 0.01
    p_values = [
        kernel_probes.compute_p_value(generator.normal(size=(5, 5, 3, 24)))
        for _ in range(5)
    ]
    assert max(p_values) > 0.2


@pytest.mark.whole_run
def test_reordering_matters_with_normalization_and_not_without(trained):
    network = trained_network.load(trained.workdir)
    before = {p.name: p.variable.numpy() for p in list_parameters(network.model)}
    images = tf.random.stateless_normal((4, 67, 67, 3), (1, 2)) * 50
    first = network.model(images, training=False).numpy()
    answers = []

    def compute():
        answers.append(network.model(images, training=False).numpy())
        return float(len(answers))

    found = kernel_probes.permute_kernels(network.model, compute)
    count = kernel_probes.NUM_PERMUTATIONS
    assert found["error"] == 1 and found["permuted"] == [2.0 + n for n in range(count)]
    assert set(found["p_values"]) == {"conv1a", "conv1b"}
    np.testing.assert_array_equal(answers[0], first)
    assert all(np.abs(answer / first - 1).max() > 1e-3 for answer in answers[1:])
    for parameter in list_parameters(network.model):
        np.testing.assert_array_equal(
            parameter.variable.numpy(), before[parameter.name]
        )
    # The same without normalization.
    config = training_runs.make_config({**VALUES, "model.normalization": "none"})
    plain = build_network(config, 3, Placement())
    for parameter in list_parameters(plain):
        parameter.variable.assign(before[parameter.name])
    outputs = []

    def compute_plain():
        outputs.append(plain(images, training=False).numpy())
        return 0.0

    kernel_probes.permute_kernels(plain, compute_plain)
    for output in outputs[1:]:
        np.testing.assert_allclose(output, outputs[0], rtol=1e-4, atol=1e-5)


def test_the_geometric_mean_by_hand():
    # Two masks, one image: p = (0.8, 0.2) and (0.2, 0.8); geometric mean (0.5, 0.5).
    drawn = np.log([[[0.8, 0.2]], [[0.2, 0.8]]])
    own = np.log([[0.5, 0.5]])
    found = dropout_average.summarize(own, drawn, np.array([0]))
    assert found["kl"] == pytest.approx(0, abs=1e-12)
    # KL((1/2, 1/2) || (0.8, 0.2)) = -log(2) - log(0.8 * 0.2) / 2, for both masks.
    assert found["kl_single"] == pytest.approx(-np.log(2) - np.log(0.16) / 2)
    # A tie is an error; of the masks one is right.
    assert (found["error"], found["geometric"], found["single"]) == (1, 1, 0.5)


@pytest.mark.whole_run
def test_masks_change_a_trained_networks_prediction(trained):
    found = probes.measure(
        ["dropout_average", "kernels", "kernel_order"],
        *(trained.workdir, trained.data_dir, "validation", {}),
    )
    average = found["dropout_average"]
    assert 0 <= average["kl"] < average["kl_single"]
    assert average["num_masks"] == dropout_average.NUM_MASKS
    # 96 and 128 kernels at an eighth of the width, in two towers.
    assert {k: len(v["colour"]) for k, v in found["kernels"].items()} == {
        "conv1a": 6,
        "conv1b": 6,
    }
    assert found["kernel_order"]["error"] == pytest.approx(average["error"], abs=0.01)


def test_a_mask_has_the_distance_of_its_centroid():
    mask = np.zeros((200, 300), np.uint8)
    # A square whose centre is 30 right of the middle and 40 below it: 50 of 200.
    mask[130:150, 170:190] = 255
    assert off_centre.compute_distance(Image.fromarray(mask)) == pytest.approx(0.25)
    whole = Image.fromarray(np.full((200, 300), 9, np.uint8))
    assert off_centre.compute_distance(whole) == pytest.approx(0, abs=1e-12)


def test_errors_are_sorted_by_distance():
    """A network that knows all shapes but those far off, by cheating."""
    images, labels, distances = off_centre.draw_shapes(3)
    assert images.shape == (30, 256, 256, 3) and images.dtype == np.uint8
    assert 0 <= distances.min() < distances.max() < 0.45
    limit = np.sort(distances)[19]
    answers = np.where(distances > limit, (labels + 1) % 20, labels)
    known = {
        image.tobytes(): answer for image, answer in zip(images, answers, strict=True)
    }

    def compute(batch):
        return np.eye(20)[[known[image.tobytes()] for image in batch]]

    found = off_centre.measure(compute, num_per_class=3)
    assert (found["near"], found["middle"], found["far"]) == (0, 0, 1)
    assert found["distances"] == sorted(found["distances"])
    assert found["num_images"] == 30


@pytest.mark.whole_run
def test_a_trained_network_is_measured_off_centre(trained, monkeypatch):
    small = functools.partial(off_centre.measure, num_per_class=1)
    monkeypatch.setattr(off_centre, "measure", small)
    arguments = (trained.workdir, trained.data_dir, "validation", {})
    found = probes.measure(["off_centre"], *arguments)["off_centre"]
    assert found["num_images"] == 10 and 0 <= found["far"] <= 1


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
