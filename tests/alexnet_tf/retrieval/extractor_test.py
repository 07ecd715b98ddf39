"""Tests of `alexnet_tf.retrieval.extractor`, on a golden run and an export of it."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.config.schema import DataConfig
from alexnet_tf.data import evaluation_views
from alexnet_tf.evaluation import forward
from alexnet_tf.export import saved_model
from alexnet_tf.retrieval import extractor
from alexnet_tf.runs import trained_network
from tests.alexnet_tf.retrieval import made_features
from tfrecords import errors


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """The folder, the network of `run`, and four images."""
    folder = made_features.extract_golden(tmp_path_factory.mktemp("golden"))
    network = trained_network.load(str(folder / "run"))
    size = network.training_data.statistics.mean_image.shape[0]
    images = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), np.uint8)
    return folder, network, images


@pytest.mark.parametrize("layer, name", [("fc7", "relu7"), ("pool5", "pool5")])
def test_features_are_the_layers_outputs(golden, layer, name):
    _, network, images = golden
    found = extractor.make_extractor(network, layer).compute(images)
    statistics = network.training_data.statistics
    transform = evaluation_views.make_view_transform(network.config.data, statistics, 1)
    views = transform(tf.constant(images))[:, 0]
    expected = forward.make_layer_function(network.model, name)(views).numpy()
    np.testing.assert_allclose(found, expected.reshape(4, -1), rtol=1e-5, atol=1e-5)
    assert found.dtype == np.float32 and 0 <= found.min() < found.max()


def test_a_run_and_its_export_have_the_same(golden, tmp_path):
    _, network, images = golden
    saved_model.export(network, str(tmp_path))
    of_run = extractor.make_extractor(network)
    of_export = extractor.open_export(str(tmp_path))
    assert of_export.image_size == of_run.image_size
    assert of_export.identity == of_run.identity != ""
    crop_size = network.config.data.crop_size
    assert of_export.crop_size == of_run.crop_size == crop_size != 224
    for compute in (
        lambda each: each.compute(images),
        lambda each: each.compute_probe(),
    ):
        np.testing.assert_allclose(
            compute(of_run), compute(of_export), rtol=1e-4, atol=1e-4
        )
    with pytest.raises(errors.UserError, match="only fc7"):
        extractor.open_export(str(tmp_path), "pool5")


def test_random_weights_are_others_and_always_the_same(golden):
    _, network, _ = golden
    probes = [
        extractor.make_extractor(each).compute_probe()
        for each in (
            network,
            extractor.forget_weights(network),
            extractor.forget_weights(network),
        )
    ]
    assert not np.allclose(probes[0], probes[1], rtol=0.1)
    names = {
        extractor.make_extractor(each).identity
        for each in (network, extractor.forget_weights(network))
    }
    assert len(names) == 2
    assert np.array_equal(probes[1], probes[2])


def test_pixels_by_hand():
    # The central 64x64 of 66x66 pixels, and the same as 32x32 averages of 2x2.
    config = DataConfig(crop_size=64)
    image = np.random.default_rng(0).integers(0, 256, (1, 66, 66, 3), np.uint8)
    crop = image[0, 1:65, 1:65].astype(np.float64)
    pixels = extractor.make_pixel_extractor(config, 66, extractor.PIXELS)
    assert np.array_equal(pixels.compute(image)[0], crop.ravel())
    small = extractor.make_pixel_extractor(config, 66, extractor.SMALL_PIXELS)
    means = crop.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    found = small.compute(image)
    assert found.shape == (1, 3 * 32 * 32)
    # Pillow rounds twice: after the rows and after the columns.
    np.testing.assert_allclose(found[0], means.ravel(), atol=1.01)


def test_an_unknown_layer_is_named_with_those_there_are(golden):
    with pytest.raises(errors.UserError, match=r"no layer 'conv9'.*relu5.*fc8"):
        extractor.make_extractor(golden[1], "conv9")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
