"""Tests of `alexnet_tf.retrieval.codes` against bits counted by NumPy."""

import os
import shutil
import sys

import numpy as np
import pytest

from alexnet_tf.retrieval import autoencoder, codes
from tests import processes
from tests.alexnet_tf.retrieval import made_features
from tfrecords import errors
from tfrecords.durable import npz

pytest.importorskip("faiss", reason="the extra retrieval brings faiss")

BITS = 16


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Features of 60 vectors around four centres, and their codes."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 4
    centres = rng.normal(size=(4, 24))
    vectors = centres[labels] + 0.1 * rng.normal(size=(60, 24))
    path = tmp_path_factory.mktemp("features")
    features = made_features.write(path, vectors, labels, block_rows=25)
    codes.build_codes(features, BITS, num_epochs=30)
    return features, vectors.astype(np.float32), labels


def test_search_counts_differing_bits(built):
    features, vectors, _ = built
    encoder = npz.load(os.path.join(codes.get_path(features.path, BITS), "encoder.npz"))
    bits = np.unpackbits(autoencoder.make_encode(encoder)(vectors), axis=1)
    expected = (bits[:, np.newaxis] != bits).sum(-1)
    distances, rows = codes.CodeIndex(features, BITS).search(vectors, 60)
    assert np.array_equal(distances, np.sort(expected, axis=1))
    assert np.array_equal(np.take_along_axis(expected, rows, 1), distances)


def test_codes_keep_the_classes_together(built):
    features, vectors, labels = built
    _, rows = codes.CodeIndex(features, BITS).search(vectors, 6)
    assert np.mean(labels[rows] == labels[:, np.newaxis]) > 0.95


def test_missing_damaged_and_other_codes(built, tmp_path):
    vectors = built[1]
    features = made_features.write(tmp_path, vectors)
    with pytest.raises(errors.UserError, match="alexnet-retrieve codes"):
        codes.CodeIndex(features, BITS)
    codes.build_codes(features, 8, num_epochs=1)
    assert codes.CodeIndex(features, 8).record.num_bits == 8
    path = tmp_path / "codes-8" / codes.CODES_NAME
    np.save(path, np.zeros((3, 1), np.uint8))
    with pytest.raises(errors.DataError, match=r"codes\.npy"):
        codes.CodeIndex(features, 8)
    fewer = made_features.write(tmp_path, vectors[:10])
    with pytest.raises(errors.DataError, match="60 images, but"):
        codes.CodeIndex(fewer, 8)


def test_two_processes_do_not_write_codes_at_once(built):
    path = built[0].path
    holder = processes.run_python(
        "-c",
        "import sys\n"
        "from alexnet_tf.retrieval import codes, feature_files\n"
        "from tfrecords import errors\n"
        "from tfrecords.durable import locks\n"
        "features = feature_files.open_features(sys.argv[1])\n"
        "with locks.directory_lock(sys.argv[1], 'another'):\n"
        "    try:\n"
        "        codes.build_codes(features, 8, 1)\n"
        "    except errors.InUseError:\n"
        "        print('refused')\n",
        path,
    )
    assert holder.stdout == "refused\n", holder.stderr
    assert not os.path.exists(codes.get_path(path, 8))


@pytest.mark.parametrize("num_bits", [0, 7, 12, 2048])
def test_other_lengths_are_refused(num_bits):
    with pytest.raises(errors.UserError, match="multiple of 8"):
        codes.check_bits(num_bits)


def test_a_changed_code_is_noticed(built, tmp_path):
    features = made_features.write(tmp_path, built[1])
    codes.build_codes(features, 8, num_epochs=1)
    path = tmp_path / "codes-8" / codes.CODES_NAME
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(errors.DataError, match=r"codes\.npy.*checksum"):
        codes.CodeIndex(features, 8)


def test_codes_of_other_features_are_refused(built, tmp_path):
    # As many images, but other numbers.
    vectors = np.concatenate([built[1], built[1]], axis=1)
    features = made_features.write(tmp_path, vectors)
    shutil.copytree(
        codes.get_path(built[0].path, BITS), codes.get_path(features.path, BITS)
    )
    with pytest.raises(errors.DataError, match="of other features"):
        codes.CodeIndex(features, BITS)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
