"""Sparse codes: pooling and threshold by hand, and a dictionary that is found again."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests import optional

optional.require(__name__, "sklearn", "the extra baselines is not installed")

from sklearn import decomposition  # noqa: E402

from tools.baseline_models import sparse_coding  # noqa: E402


def make_coder(threshold, pyramid):
    """Two atoms along the axes; descriptors are whitened to themselves."""
    whitening = decomposition.PCA(2, whiten=True)
    whitening.fit(np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]))
    whitening.components_ = np.eye(2)
    whitening.explained_variance_ = np.ones(2)
    # Lengths other than 1 make no difference.
    atoms = np.array([[2.0, 0.0], [0.0, 0.5]], np.float32)
    settings = sparse_coding.Settings(2, 2, 1.0, threshold, pyramid)
    return sparse_coding.SparseCoder(whitening, atoms, settings)


def test_codes_by_hand():
    coder = make_coder(0.5, ((1, 1), (2, 1)))
    grid = np.array([[[3.0, -2.0]], [[1.0, -4.5]]], np.float32)
    # Largest projections of each sign, less 0.5: on both atoms, then on their
    # opposites; the whole image, its upper and its lower half.
    expected = np.array(
        [[2.5, 0, 0, 4.0], [2.5, 0, 0, 1.5], [0.5, 0, 0, 4.0]], np.float32
    ).ravel()
    found = coder.encode([grid])
    assert found.dtype == np.float32 and coder.num_features == len(found)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), rtol=1e-5)


def test_nothing_above_the_threshold_is_zero():
    found = make_coder(9.0, ((1, 1),)).encode([np.ones((2, 2, 2), np.float32)])
    np.testing.assert_array_equal(found, np.zeros(4))


def test_learning_finds_the_atoms_that_made_the_data():
    generator = np.random.default_rng(0)
    atoms, _ = np.linalg.qr(generator.normal(size=(6, 6)))
    codes = generator.laplace(size=(6000, 6)) * (generator.random((6000, 6)) < 0.2)
    sample = (codes @ atoms).astype(np.float32)
    settings = sparse_coding.Settings(num_atoms=6, num_components=6)
    first, second = (sparse_coding.learn(sample, settings, seed=1) for _ in range(2))
    # From whitened descriptors back to descriptors.
    whitening = first._whitening
    scales = np.sqrt(whitening.explained_variance_)[:, np.newaxis]
    found = first._atoms @ (scales * whitening.components_)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert np.abs(found @ atoms.T).max(0).min() > 0.98
    np.testing.assert_array_equal(first._atoms, second._atoms)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
