"""The saliency map against differences of the score, in float64."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.inference.explain import saliency
from tests.alexnet_tf import small_networks

LABEL = 4


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_it_is_the_greatest_absolute_difference_of_the_channels(activation):
    """Central differences at some pixels; the whole network computes in float64."""
    config = dataclasses.replace(
        small_networks.SMALL,
        activation=activation,
        # It computes in float32.
        normalization="none",
        initial_stddev=0.05,
    )
    model = small_networks.build(config, precision="float64")
    generator = np.random.default_rng(0)
    side = small_networks.CROP
    # Whole numbers, and a step that is a power of two: exact in float32.
    view = generator.integers(-120, 120, (side, side, 3)).astype(np.float32)
    found = saliency.compute_saliency(model, tf.constant(view), LABEL)
    assert found.shape == (side, side) and found.dtype == np.float32
    strongest = np.argsort(-found, axis=None)[:4]
    others = generator.integers(0, side * side, 4)
    step = 2.0**-6
    for position in [*strongest, *others]:
        row, column = divmod(int(position), side)
        changed = np.repeat(view[np.newaxis], 6, axis=0)
        for channel in range(3):
            changed[2 * channel, row, column, channel] += step
            changed[2 * channel + 1, row, column, channel] -= step
        scores = model(tf.constant(changed), training=False).numpy()[:, LABEL]
        assert scores.dtype == np.float64
        differences = np.abs(scores[::2] - scores[1::2]) / (2 * step)
        assert found[row, column] == pytest.approx(
            differences.max(), rel=1e-4, abs=1e-6 * float(found.max())
        )


def test_it_is_of_the_class_that_was_asked_for_and_leaves_weights_alone():
    config = dataclasses.replace(small_networks.SMALL, normalization="reference")
    model = small_networks.build(config)
    view = tf.constant(np.random.default_rng(1).uniform(-99, 99, (67, 67, 3)))
    view = tf.cast(view, tf.float32)
    before = [np.array(weight) for weight in model.get_weights()]
    one, other = (saliency.compute_saliency(model, view, label) for label in (0, 1))
    assert np.abs(one - other).max() > 0.1 * one.max()
    for weight, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
