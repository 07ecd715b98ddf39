"""Fisher vectors, computed by hand for a mixture of two Gaussians in one dimension."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from tests import optional

optional.require(__name__, "skimage", "the extra baselines is not installed")
optional.require(__name__, "sklearn", "the extra baselines is not installed")

from sklearn import decomposition, mixture  # noqa: E402

from tools.baseline_models import fisher_vectors  # noqa: E402

WEIGHTS, MEANS, VARIANCES = (0.25, 0.75), (-1.0, 2.0), (1.0, 4.0)
VALUES = (0.0, 1.0, 4.0)


def make_encoder(pyramid):
    """An encoder of the mixture above; its PCA leaves descriptors as they are."""
    gaussians = mixture.GaussianMixture(2, covariance_type="diag")
    gaussians.weights_ = np.array(WEIGHTS)
    gaussians.means_ = np.array(MEANS)[:, np.newaxis]
    gaussians.covariances_ = np.array(VARIANCES)[:, np.newaxis]
    gaussians.precisions_cholesky_ = 1 / np.sqrt(gaussians.covariances_)
    pca = decomposition.PCA(1).fit(np.array([[-1.0], [1.0]]))
    pca.components_ = np.array([[1.0]])
    settings = fisher_vectors.Settings(2, 1, pyramid)
    return fisher_vectors.FisherEncoder(pca, gaussians, settings)


def compute_by_hand(values):
    """Perronnin et al., section 2.2: gradients by weight, mean and deviation."""
    gradients = np.zeros((3, 2))
    for x in values:
        densities = [
            w * math.exp(-((x - m) ** 2) / (2 * v)) / math.sqrt(2 * math.pi * v)
            for w, m, v in zip(WEIGHTS, MEANS, VARIANCES, strict=True)
        ]
        for k, (w, m, v) in enumerate(zip(WEIGHTS, MEANS, VARIANCES, strict=True)):
            posterior = densities[k] / sum(densities)
            distance = (x - m) / math.sqrt(v)
            gradients[0, k] += (posterior - w) / math.sqrt(w)
            gradients[1, k] += posterior * distance / math.sqrt(w)
            gradients[2, k] += posterior * (distance**2 - 1) / math.sqrt(2 * w)
    gradients /= len(values)
    # scikit-image gives the last with the opposite sign, which no linear classifier
    # notices.
    gradients[2] *= -1
    rooted = np.sign(gradients) * np.sqrt(np.abs(gradients))
    return (rooted / np.linalg.norm(rooted)).ravel()


def make_grid(values):
    return np.array(values, np.float32).reshape(-1, 1, 1)


def test_vector_by_hand():
    encoder = make_encoder(((1, 1),))
    found = encoder.encode([make_grid(VALUES)])
    np.testing.assert_allclose(found, compute_by_hand(VALUES), rtol=1e-4, atol=1e-6)
    assert encoder.num_features == len(found) == 6


def test_regions_follow_each_other_and_the_length_is_one():
    encoder = make_encoder(((1, 1), (3, 1)))
    found = encoder.encode([make_grid(VALUES)])
    parts = [VALUES, *([value] for value in VALUES)]
    expected = np.concatenate([compute_by_hand(part) for part in parts]) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert np.linalg.norm(found) == pytest.approx(1)
    assert encoder.num_features == len(found)


def test_learned_encoder_repeats_and_tells_images_apart():
    generator = np.random.default_rng(0)
    near, far = (generator.normal(mean, 1, (6, 6, 5)) for mean in (-4, 4))
    sample = np.concatenate([near, far]).reshape(-1, 5).astype(np.float32)
    settings = fisher_vectors.Settings(2, 3, ((1, 1),))
    first, second = (fisher_vectors.learn(sample, settings, seed=3) for _ in range(2))
    vectors = [first.encode([grid.astype(np.float32)]) for grid in (near, far)]
    assert vectors[0].dtype == np.float32
    assert vectors[0] @ vectors[1] < 0.5
    np.testing.assert_array_equal(vectors[0], second.encode([near.astype(np.float32)]))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
