"""The occlusion map against one prediction after the other, and by hand."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.inference.explain import occlusion
from tfrecords import errors

SIZE, CROP = 16, 12


def predict(images):
    """Three classes that depend on two pixels of the central crop."""
    begin = (SIZE - CROP) // 2
    values = images[:, begin + 4, begin + 7].astype(float).sum(axis=-1) / 765
    others = images[:, begin + 10, begin + 2].astype(float).sum(axis=-1) / 765
    rows = np.stack([values, 0.5 * others, 1 - values], axis=1)
    return (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(200, 256, (SIZE, SIZE, 3)).astype(np.uint8)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_it_is_a_loop_over_positions(image, batch_size):
    kept = image.copy()
    found = occlusion.occlude(predict, image, CROP, 3, 0, batch_size)
    np.testing.assert_array_equal(image, kept)
    np.testing.assert_array_equal(found.offsets, range(10))
    for row in range(10):
        for column in range(10):
            covered = image.copy()
            covered[2 + row : 5 + row, 2 + column : 5 + column] = 128
            (expected,) = predict(covered[np.newaxis])
            assert found.probabilities[row, column] == expected[0]
            assert found.answers[row, column] == expected.argmax()
    # The square covers pixel (4, 7) of the crop there, and lies at its first place.
    assert found.find_lowest() == (2, 5)


def test_no_more_passes_than_allowed_and_edges_are_reached():
    for side, crop_size in ((32, 224), (1, 500), (3, 12), (5, 6), (1, 1)):
        offsets = occlusion.choose_offsets(side, crop_size)
        assert len(offsets) == min(15, crop_size - side + 1)
        assert offsets[0] == 0 and offsets[-1] == crop_size - side
        assert np.all(np.diff(offsets) >= 1)
    calls = []

    def count(images):
        calls.append(len(images))
        return np.zeros((len(images), 2), np.float32)

    occlusion.occlude(count, np.zeros((256, 256, 3), np.uint8), 224, 32, 0)
    assert sum(calls) == 225 and max(calls) == 32


def test_the_square_is_a_seventh_and_less_than_the_crop():
    assert occlusion.choose_side(None, 224) == 32
    assert occlusion.choose_side(None, 24) == 3
    assert occlusion.choose_side(None, 2) == 1
    assert occlusion.choose_side(23, 24) == 23
    with pytest.raises(errors.UserError, match=r"24 pixels .* crop of 24"):
        occlusion.choose_side(24, 24)


def test_values_belong_to_the_squares_centre():
    offsets = np.array([0, 4, 8])
    values = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]], np.float32)
    covered = occlusion.Occlusion(3, offsets, values, values.astype(int))
    found = covered.interpolate(11)
    # Centres at 1, 5 and 9.
    np.testing.assert_allclose(found[1::4, 1::4], values)
    np.testing.assert_allclose(found[1], [0, 0, 0.25, 0.5, 0.75, 1, *found[1, 6:]])
    np.testing.assert_allclose(found[0], found[1])
    np.testing.assert_allclose(found[3, 3], 2)
    np.testing.assert_allclose(found[10, 10], 8)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
