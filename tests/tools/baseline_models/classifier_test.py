"""The classifier and the choice of its penalty."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests import optional

optional.require(__name__, "sklearn", "the extra baselines is not installed")

from tools.baseline_models import classifier  # noqa: E402


def draw(num_images, seed):
    """Vectors around one of three corners, and the corner."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, num_images).astype(np.int32)
    noise = generator.normal(0, 0.2, (num_images, 4))
    return (np.eye(4)[labels] + noise).astype(np.float32), labels


def test_probabilities_of_new_images():
    found = classifier.train_and_predict(10.0, *draw(90, 0), draw(30, 1)[0], 5)
    assert found.shape == (30, 5) and found.dtype == np.float32
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    # No training image has label 3 or 4.
    assert not found[:, 3:].any()
    assert np.mean(found.argmax(1) == draw(30, 1)[1]) > 0.9


def test_the_choice_has_the_fewest_errors_on_the_tuning_images(monkeypatch):
    monkeypatch.setattr(classifier, "STRENGTHS", (1e-6, 1.0, 2.0))
    features, labels = draw(60, 0)
    # With two thirds of one class, the strongest penalty answers it always.
    features, labels = (
        np.concatenate([array, np.repeat(array[labels == 0], 5, 0)])
        for array in (features, labels)
    )
    choice = classifier.choose(features, labels, *draw(60, 1))
    assert list(choice.tried) == [1e-6, 1.0, 2.0]
    assert choice.tried[1e-6] > choice.tried[1.0] == choice.tried[choice.strength]
    assert choice.strength == 1.0 or choice.tried[2.0] < choice.tried[1.0]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
