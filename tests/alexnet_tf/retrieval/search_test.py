"""Tests of `alexnet_tf.retrieval.search` against distances in NumPy and float64."""

import dataclasses
import os
import shutil
import sys

import numpy as np
import pytest

from alexnet_tf.retrieval import feature_files, search
from tests.alexnet_tf.retrieval import made_features
from tfrecords import errors

faiss = pytest.importorskip("faiss", reason="the extra retrieval brings faiss")


def find_by_hand(vectors, queries, count):
    difference = queries[:, np.newaxis].astype(np.float64) - vectors
    distances = np.sqrt((difference**2).sum(-1))
    rows = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(distances, rows, 1), rows


@pytest.mark.parametrize("block_rows", [7, 100])
def test_it_is_the_nearest_by_hand(tmp_path, block_rows):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    queries = rng.normal(size=(9, 8)).astype(np.float32)
    features = made_features.write(tmp_path, vectors, block_rows=block_rows)
    distances, rows = search.search(features, queries, 6)
    expected, expected_rows = find_by_hand(vectors, queries, 6)
    assert np.array_equal(rows, expected_rows)
    np.testing.assert_allclose(distances, expected, rtol=1e-6)
    assert search.search(features, queries, 60)[1].shape == (9, 60)


def test_equal_vectors_are_in_the_order_of_their_rows(tmp_path):
    features = made_features.write(tmp_path, np.ones((12, 3), np.float32))
    distances, rows = search.search(features, np.ones((1, 3), np.float32), 12)
    assert rows.tolist() == [list(range(12))]
    assert not distances.any()


def test_near_vectors_far_from_zero_are_told_apart(tmp_path, monkeypatch):
    # Differences of 0.01 at a length of 3,000: |x|^2 is near 10^7, and float32 has
    # seven digits of it.
    rng = np.random.default_rng(1)
    vectors = 1000 + np.sort(rng.uniform(0, 0.1, (12, 1)), axis=0) * np.ones((1, 9))
    vectors = rng.permutation(vectors.astype(np.float32))
    features = made_features.write(tmp_path, vectors)
    # faiss uses products from so many queries on: 20 in early versions.
    monkeypatch.setattr(faiss.cvar, "distance_compute_blas_threshold", 1)
    queries = np.full((20, 9), 1000, np.float32)
    expected, expected_rows = find_by_hand(vectors, queries, 6)
    distances, rows = search.search(features, queries, 6)
    assert np.array_equal(rows, expected_rows)
    np.testing.assert_allclose(distances, expected, rtol=1e-5)
    # The control: faiss alone.
    raw, _ = faiss.knn(queries, vectors, 6)
    assert not np.allclose(np.sqrt(np.maximum(raw, 0)), expected, rtol=0.01)


def test_more_than_there_are_is_refused(tmp_path):
    features = made_features.write(tmp_path, np.ones((12, 3), np.float32))
    with pytest.raises(errors.UserError, match=r"13 neighbours .* 12 images"):
        search.search(features, np.ones((1, 3), np.float32), 13)


@pytest.fixture(scope="module")
def clustered(tmp_path_factory):
    """4,000 vectors of 300 numbers around 100 centres, and 50 queries."""
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(100, 300))
    numbers = rng.integers(0, 100, 4_050)
    vectors = centres[numbers] + 0.3 * rng.normal(size=(4_050, 300))
    vectors = vectors.astype(np.float32)
    path = tmp_path_factory.mktemp("clustered")
    features = made_features.write(path, vectors[:4_000], block_rows=1_500)
    search.build_approximate(features)
    return features, vectors[4_000:]


def test_the_approximate_index_finds_most_with_exact_distances(clustered):
    features, queries = clustered
    exact, rows = search.search(features, queries, 6)
    distances, found = search.ApproximateIndex(features).search(queries, 6)
    recall = np.mean([len(set(a) & set(b)) for a, b in zip(rows, found, strict=True)])
    assert recall > 5.4
    shared = rows == found
    np.testing.assert_allclose(distances[shared], exact[shared])
    size = os.path.getsize(os.path.join(features.path, search.INDEX_NAME))
    # 128 bytes and an 8 byte number each, 102 centres of lists and the 256 principal
    # components; all 300 of them, which faiss would keep, would be 360,000 more.
    expected = 4_000 * (128 + 8) + 102 * 256 * 4 + 256 * 300 * 4
    assert expected < size < expected + 20_000


def test_the_components_alone_find_the_same(monkeypatch):
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(1_600, 300)).astype(np.float32)
    index = search.train_approximate(vectors, len(vectors))
    monkeypatch.setattr(search, "_copy_map", lambda components: components)
    whole = search.train_approximate(vectors, len(vectors))
    for each in (index, whole):
        each.add(vectors)
    for found, expected in zip(
        index.search(vectors[:9], 50), whole.search(vectors[:9], 50), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_as_many_are_found_as_were_asked_for(clustered):
    features, queries = clustered
    _, rows = search.ApproximateIndex(features).search(queries, 3_000)
    assert rows.min() >= 0
    assert all(len(set(row)) == 3_000 for row in rows.tolist())


def test_few_vectors_have_no_approximate_index(tmp_path):
    features = made_features.write(tmp_path, np.ones((12, 3), np.float32))
    with pytest.raises(errors.UserError, match="at least 1,000"):
        search.build_approximate(features)
    with pytest.raises(errors.UserError, match="has no approximate index"):
        search.ApproximateIndex(features)


def test_a_damaged_or_foreign_index_is_named(clustered, tmp_path):
    path = os.path.join(clustered[0].path, search.INDEX_NAME)
    with open(path, "rb") as file:
        data = file.read()
    features = made_features.write(tmp_path, np.ones((12, 3), np.float32))
    for damaged in (data, data[: len(data) // 2], b""):
        (tmp_path / search.INDEX_NAME).write_bytes(damaged)
        with pytest.raises(errors.DataError, match=r"approximate\.faiss"):
            search.ApproximateIndex(features)


def test_a_changed_index_and_changed_features_are_noticed(clustered, tmp_path):
    shutil.copytree(clustered[0].path, tmp_path / "copy")
    features = feature_files.open_features(str(tmp_path / "copy"))
    search.ApproximateIndex(features)
    path = tmp_path / "copy" / search.INDEX_NAME
    data = bytearray(path.read_bytes())
    # A vector's code, which faiss does not check.
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(errors.DataError, match="does not match its checksum"):
        search.ApproximateIndex(features)
    source = dataclasses.replace(features.source, network="runs/other")
    feature_files.write_source(features.path, feature_files.RECORD_NAME, source)
    with pytest.raises(errors.DataError, match="of other features"):
        search.ApproximateIndex(features)


def test_a_missing_package_has_its_command(monkeypatch):
    search.check_package()
    monkeypatch.setattr(search.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        errors.UserError, match=r"pip install 'alexnet-tf\[retrieval\]'"
    ):
        search.check_package()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
