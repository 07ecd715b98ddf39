"""Tests of `alexnet_tf.retrieval.feature_files`."""

import json
import os
import sys

import numpy as np
import pytest

from alexnet_tf.retrieval import feature_files
from tests.alexnet_tf.retrieval import made_features
from tfrecords import errors

VECTORS = np.arange(36, dtype=np.float32).reshape(12, 3)


@pytest.fixture
def features(tmp_path):
    return made_features.write(tmp_path, VECTORS)


def test_blocks_rows_and_labels_come_back(features):
    assert features.source.num_blocks == 3
    sizes = [len(features.read_block(block)) for block in range(3)]
    assert sizes == [5, 5, 2]
    assert np.array_equal(features.read_block(2), VECTORS[10:])
    rows = np.array([11, 0, 5, 4, 5])
    assert np.array_equal(features.read_rows(rows), VECTORS[rows])
    assert features.read_labels().tolist() == [k % 4 for k in range(12)]
    assert features.probe.tolist() == [1, 1, 1]


def test_a_block_is_mapped_not_read(features):
    assert isinstance(features.read_block(0), np.memmap)


def test_nothing_and_half_are_refused(features, tmp_path):
    with pytest.raises(errors.UserError, match="alexnet-retrieve build"):
        feature_files.open_features(str(tmp_path / "nowhere"))
    os.unlink(tmp_path / feature_files.RECORD_NAME)
    with pytest.raises(errors.UserError, match="it resumes"):
        feature_files.open_features(str(tmp_path))


def _cut(path):
    data = path.read_bytes()
    path.write_bytes(data[:-4])


def _replace(path):
    np.save(path, np.zeros((5, 4), np.float32))


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _replace,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no array"),
        lambda path: path.unlink(),
    ],
)
def test_a_damaged_block_is_named(features, tmp_path, damage):
    path = tmp_path / "features-00001.npy"
    damage(path)
    with pytest.raises(errors.DataError, match=r"features-00001\.npy"):
        features.read_block(1)
    assert len(features.read_block(0)) == 5


def test_labels_of_no_class_are_refused(features, tmp_path):
    np.save(tmp_path / "labels-00001.npy", np.full(5, 4, np.int32))
    with pytest.raises(errors.DataError, match=r"labels-00001\.npy has labels of no"):
        features.read_labels()


def test_numbers_below_one_are_refused(features, tmp_path):
    path = tmp_path / feature_files.RECORD_NAME
    values = json.loads(path.read_text())
    del values["sha256"]
    path.write_text(json.dumps({**values, "block_rows": 0}))
    with pytest.raises(errors.DataError, match="numbers below 1"):
        feature_files.open_features(str(tmp_path))


def test_a_changed_record_is_refused(features, tmp_path):
    path = tmp_path / feature_files.RECORD_NAME
    path.write_text(path.read_text().replace("12", "13"))
    with pytest.raises(errors.DataError, match=r"features\.json"):
        feature_files.open_features(str(tmp_path))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
