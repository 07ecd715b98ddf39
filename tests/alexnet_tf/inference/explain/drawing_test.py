"""Images of the page: what the data URIs hold, by Pillow."""

from __future__ import annotations

import base64
import io
import re
import sys

import numpy as np
import pytest
from PIL import Image

from alexnet_tf.inference.explain import drawing


def read(uri):
    """The pixels of a data URI, and its type."""
    kind, data = re.fullmatch(r"data:image/(\w+);base64,(.*)", uri).groups()
    image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    assert image.format == kind.upper()
    return np.asarray(image.convert("RGB")), kind


def make_noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def test_small_images_are_kept_to_the_pixel():
    noise = make_noise(79, 100, 3)
    pixels, kind = read(drawing.make_uri(noise))
    assert kind == "png"
    np.testing.assert_array_equal(pixels, noise)


def test_larger_images_are_jpegs():
    smooth = np.zeros((224, 224, 3), np.uint8)
    smooth[..., 0] = np.arange(224)
    pixels, kind = read(drawing.make_uri(smooth))
    assert kind == "jpeg" and np.abs(pixels.astype(int) - smooth).max() < 16
    assert len(drawing.make_uri(smooth)) < 8000


def test_maps_are_drawn_from_low_to_high():
    values = np.array([[0, 1, 2], [3, 4, 9]], np.float32)
    pixels, kind = read(drawing.make_map_uri(values, 0, 4))
    assert kind == "png"
    expected = drawing.color(np.array([[0, 0.25, 0.5], [0.75, 1, 1]]), "magma")
    np.testing.assert_array_equal(pixels, expected)
    # Black and nearly white are the ends; each step is brighter.
    brightness = pixels.astype(int).sum(axis=2).ravel()
    assert brightness[0] < 10 and brightness[4] > 600
    assert np.all(np.diff(brightness)[:4] > 50)


def test_maps_of_one_value_and_large_maps():
    pixels, _ = read(drawing.make_map_uri(np.zeros((3, 3)), 0, 0))
    assert pixels.max() < 5
    values = np.zeros((128, 128))
    values[:64] = 1
    pixels, _ = read(drawing.make_map_uri(values, 0, 1))
    assert pixels.shape == (64, 64, 3)
    np.testing.assert_array_equal(
        pixels[10, 10], drawing.color(np.ones((1, 1)), "magma")[0, 0]
    )


@pytest.mark.parametrize(
    "count, rows, columns", [(1, 1, 1), (2, 1, 2), (7, 3, 3), (9, 3, 3), (12, 3, 4)]
)
def test_sheets_are_as_square_as_possible(count, rows, columns):
    patches = [np.full((50, 50, 3), number, np.uint8) for number in range(count)]
    sheet = drawing.make_sheet(patches)
    gap = 2
    assert sheet.shape == (rows * 52 - gap, columns * 52 - gap, 3)
    for number in range(rows * columns):
        top, left = 52 * (number // columns), 52 * (number % columns)
        expected = number if number < count else 170
        assert np.all(sheet[top : top + 50, left : left + 50] == expected)
    assert columns == 1 or np.all(sheet[:, 50:52] == 170)


def test_large_patches_are_reduced():
    assert drawing.shrink(make_noise(72, 72, 3)).shape == (72, 72, 3)
    patch = np.full((163, 163, 3), 77, np.uint8)
    np.testing.assert_array_equal(drawing.shrink(patch), np.full((72, 72, 3), 77))


def test_the_square_is_where_it_was():
    image = np.zeros((10, 12, 3), np.uint8)
    drawn = drawing.draw_square(image, 2, 5, 4)
    assert image.max() == 0
    assert np.all(drawn[3:5, 6:8] == 128)
    assert np.all(drawn[2:6, 5] == 255) and np.all(drawn[5, 5:9] == 255)
    assert drawn[:, :5].max() == drawn[:, 9:].max() == drawn[6:].max() == 0


def test_blending_keeps_a_share_of_the_greys():
    image = np.full((2, 2, 3), 100, np.uint8)
    heat = np.zeros((2, 2, 3), np.uint8)
    heat[..., 2] = 200
    blended = drawing.blend(image, heat, 0.75)
    np.testing.assert_array_equal(blended[0, 0], [25, 25, 175])


def test_kernels_are_drawn_from_least_to_greatest():
    weights = np.zeros((2, 2, 3), np.float32)
    weights[0, 0, 0], weights[1, 1, 2] = -1, 3
    pixels = drawing.scale_kernel(weights)
    assert pixels[0, 0, 0] == 0 and pixels[1, 1, 2] == 255
    assert pixels[0, 1, 1] == 64
    assert drawing.scale_kernel(np.ones((2, 2, 3))).max() == 0


def test_a_gradient_begins_and_ends_with_its_map():
    text = drawing.make_gradient("viridis")
    assert text.startswith("linear-gradient(to right, #440154, ")
    assert text.endswith(", #fde724)")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
