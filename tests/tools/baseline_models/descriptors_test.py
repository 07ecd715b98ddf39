"""The descriptors, on images whose content is known."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests import optional

optional.require(__name__, "skimage", "the extra baselines is not installed")

from tools.baseline_models import descriptors  # noqa: E402


@pytest.fixture
def noise():
    return np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("compute", "shape"),
    [
        (descriptors.compute_gradients, (13, 13, 128)),
        (descriptors.compute_daisy, (12, 12, 104)),
        (descriptors.compute_patterns, (7, 7, 59)),
        (descriptors.compute_colours, (7, 7, 96)),
        (descriptors.compute_patches, (19, 19, 192)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_shapes_and_types(compute, shape, noise):
    found = compute(noise)
    assert found.shape == shape and found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.isfinite(compute(np.zeros_like(noise))).all()


def test_shrinking_by_hand():
    image = np.zeros((5, 4, 3), np.uint8)
    image[:2, :2] = [[[0] * 3, [100] * 3], [[200] * 3, [255] * 3]]
    found = descriptors.shrink(image, 2)
    assert found.shape == (2, 2, 3)
    np.testing.assert_allclose(found[0, 0], 555 / 4 / 255, rtol=1e-6)
    assert not found[1].any()


def test_sampling_reduces_the_image_first():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    sampling = descriptors.Sampling(descriptors.compute_colours, 2)
    expected = descriptors.compute_colours(descriptors.shrink(image, 2))
    np.testing.assert_array_equal(sampling(image), expected)


def test_gradients_ignore_contrast_and_see_orientation(noise):
    stripes = np.zeros((32, 32, 3), np.float32)
    stripes[::4], stripes[1::4] = 1, 1
    upright = stripes.transpose(1, 0, 2)
    found, weak, other = (
        descriptors.compute_gradients(image).mean((0, 1)).reshape(16, 8).sum(0)
        for image in (stripes, 0.3 * stripes, upright)
    )
    np.testing.assert_allclose(found, weak, rtol=1e-3)
    assert found.argmax() != other.argmax()


def test_patterns_are_frequencies(noise):
    found = descriptors.compute_patterns(noise)
    np.testing.assert_allclose(np.square(found).sum(-1), 1, rtol=1e-5)
    # The frequency of the flat pattern of a flat image is 1.
    assert descriptors.compute_patterns(np.ones_like(noise)).max() == pytest.approx(1)


def test_colours_by_hand():
    image = np.zeros((24, 24, 3), np.float32)
    image[:, :, 0] = 0.5
    image[::2, :, 2] = 1.0
    found = descriptors.compute_colours(image)[0, 0].reshape(6, 16)
    # Means, then deviations: red is 0.5 everywhere, green 0, blue half 0 and half 1.
    expected = np.repeat([[0.5], [0], [0.5], [0], [0], [0.5]], 16, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_patches_lose_mean_and_contrast(noise):
    found = descriptors.compute_patches(noise)
    np.testing.assert_allclose(found.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(
        found, descriptors.compute_patches(0.5 * noise + 0.2), atol=1e-2
    )
    # The first is the image's corner, channel by channel.
    corner = noise[:8, :8].transpose(2, 0, 1).ravel()
    likeness = np.corrcoef(found[0, 0], corner)[0, 1]
    assert likeness == pytest.approx(1, abs=1e-5)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
