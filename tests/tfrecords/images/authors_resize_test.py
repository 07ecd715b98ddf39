"""The authors' resize against their own calls of OpenCV and against float64."""

import math
import sys

import numpy as np
import pytest

from tests import optional
from tfrecords.images import authors_resize

cv2 = optional.require(__name__, "cv2", "the extra opencv is not installed")

SHRUNK = [(375, 500), (500, 375), (1203, 801), (257, 260), (333, 1001), (512, 768)]
# The last three come out otherwise where a cut source is enlarged by Intel's library.
ENLARGED = [
    *((100, 67), (31, 97), (250, 340), (3, 2), (1, 1)),
    *((55, 92), (46, 61), (139, 259)),
]
KEPT = [(256, 300), (300, 256), (256, 256)]


def make_image(height, width):
    generator = np.random.default_rng(height * width)
    y, x = np.mgrid[:height, :width] / max(height, width)
    image = np.stack(
        [255 * x, 255 * y, 127 + 120 * np.sin(9 * x) * np.cos(7 * y)], axis=-1
    )
    image[(x - 0.4) ** 2 + (y - 0.3) ** 2 < 0.02] = [250, 240, 10]
    image += generator.normal(0, 4, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def resize_as_pyext(image, target=256):
    """make-data/pyext/src/pyext.cpp, line by line."""
    scale_factor = target / float(min(image.shape[:2]))
    # C's round() of a positive number.
    new_height = math.floor(scale_factor * image.shape[0] + 0.5)
    new_width = math.floor(scale_factor * image.shape[1] + 0.5)
    interpolation = (
        cv2.INTER_LINEAR
        if scale_factor == 1
        else cv2.INTER_CUBIC
        if scale_factor > 1
        else cv2.INTER_AREA
    )
    resized = cv2.resize(image, (new_width, new_height), interpolation=interpolation)
    crop_start_x = (new_width - target) // 2
    crop_start_y = (new_height - target) // 2
    return resized[
        crop_start_y : crop_start_y + target, crop_start_x : crop_start_x + target
    ]


def make_area_weights(length, resized):
    """float64 [resized, length]: the share of a result pixel in each source pixel."""
    edges = np.arange(resized + 1) * (length / resized)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, np.newaxis], pixels + 1) - np.maximum(
        edges[:-1, np.newaxis], pixels
    )
    return np.maximum(overlap, 0) / (length / resized)


@pytest.mark.parametrize("shape", SHRUNK + ENLARGED + KEPT)
@pytest.mark.parametrize("image_size", [256, 32])
def test_equals_the_authors_calls(shape, image_size):
    image = make_image(*shape)
    result = authors_resize.resize_and_crop(image, image_size)
    assert result.shape == (image_size, image_size, 3) and result.dtype == np.uint8
    np.testing.assert_array_equal(result, resize_as_pyext(image, image_size))


@pytest.mark.parametrize("shape", SHRUNK)
def test_shrinking_averages_areas(shape):
    image = make_image(*shape)
    sizes = [(2 * side * 256 + min(shape)) // (2 * min(shape)) for side in shape]
    rows, columns = map(make_area_weights, shape, sizes)
    exact = np.einsum("yh,hwc,xw->yxc", rows, image, columns, optimize=True)
    top, left = ((size - 256) // 2 for size in sizes)
    exact = exact[top : top + 256, left : left + 256]
    result = authors_resize.resize_and_crop(image)
    assert np.abs(result - exact).max() < 0.51


def test_what_is_256_already_is_only_cropped(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)  # not needed
    image = make_image(256, 301)
    np.testing.assert_array_equal(
        authors_resize.resize_and_crop(image), image[:, 22:278]
    )


@pytest.mark.parametrize("shape", [(1, 65500), (65500, 1), (2, 65001), (9, 200)])
def test_of_a_ribbon_the_middle_counts(shape):
    short, long = min(shape), max(shape)
    kept = 16 * short + (long - 16 * short) % 2
    image = make_image(*shape)
    first = (long - kept) // 2
    middle = np.take(
        image, range(first, first + kept), axis=0 if shape[0] == long else 1
    )
    np.testing.assert_array_equal(
        authors_resize.resize_and_crop(image), resize_as_pyext(middle)
    )


def test_opencv_uses_one_thread_and_the_same_code_everywhere():
    authors_resize.resize_and_crop(make_image(300, 300))
    assert cv2.getNumThreads() == 1
    assert not cv2.ipp.useIPP()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
