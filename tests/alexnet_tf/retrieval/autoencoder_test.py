"""Tests of `alexnet_tf.retrieval.autoencoder`."""

import sys

import numpy as np
import pytest

from alexnet_tf.retrieval import autoencoder
from tests.alexnet_tf.retrieval import made_features


def test_bits_by_hand():
    # x = [1, -1] / 2 after the scale; hidden = relu([1, -1] * 2 + [0, 1]) = [2, 0];
    # units = 2 * [1, -1, 0, 3, -1, -1, 1, 0] + [0, 3, 0, -7, 1, 2, 0, -1].
    encoder = {
        "kernel1": np.array([[2.0, 0], [0, 2]]),
        "bias1": np.array([0.0, 1]),
        "kernel2": np.array([[1.0, -1, 0, 3, -1, -1, 1, 0], [9.0] * 8]),
        "bias2": np.array([0.0, 3, 0, -7, 1, 2, 0, -1]),
    }
    code = autoencoder.make_encode(encoder)(np.array([[1.0, -1]]))
    # 2, 1, 0, -1, -1, 0, 2, -1: positive are the first, second and seventh.
    assert code.tolist() == [[0b11000010]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    rng = np.random.default_rng(0)
    base = rng.normal(size=(3, 20))
    vectors = (rng.normal(size=(300, 3)) @ base).astype(np.float32) * 50
    features = made_features.write(
        tmp_path_factory.mktemp("features"), vectors, block_rows=128
    )
    return features, vectors, autoencoder.train(features, 32, num_epochs=20)


def test_it_learns_and_no_bit_is_wasted(trained):
    _, vectors, (encoder, loss) = trained
    # 0.05 here, and 0.74 after one epoch.
    assert loss < 0.2
    bits = np.unpackbits(autoencoder.make_encode(encoder)(vectors), axis=1)
    shares = bits.mean(axis=0)
    assert shares.min() > 0.05 and shares.max() < 0.95


def test_the_encoder_is_that_of_the_trained_model(trained):
    """The products that stand for scale and normalization change no bit."""
    features, vectors, _ = trained
    kept = {}
    original = autoencoder._take_encoder

    def take(model, scale):
        kept["model"], kept["scale"] = model, scale
        return original(model, scale)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autoencoder, "_take_encoder", take)
        encoder, _ = autoencoder.train(features, 16, num_epochs=2)
    keras = autoencoder.keras
    model = kept["model"]
    to_units = keras.Model(model.inputs[0], model.get_layer("normalized").output)
    units = np.asarray(to_units(vectors / kept["scale"], training=False))
    bits = np.unpackbits(autoencoder.make_encode(encoder)(vectors), axis=1)
    clear = np.abs(units) > 1e-3
    assert clear.mean() > 0.99
    assert np.array_equal(bits[clear] == 1, units[clear] > 0)


def test_equal_seeds_give_equal_codes(trained):
    features, vectors, _ = trained
    first, second, other = (
        autoencoder.make_encode(autoencoder.train(features, 16, 1, seed)[0])(vectors)
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
