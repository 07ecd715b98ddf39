"""Tests of `alexnet_tf.figures.neighbour_grid`: colours at their places."""

import sys

import numpy as np
import pytest
from PIL import Image

from alexnet_tf.figures import neighbour_grid


def paint(*colour):
    return np.broadcast_to(np.array(colour, np.uint8), (8, 8, 3))


def test_each_image_is_in_its_place(tmp_path):
    path = tmp_path / "grid.png"
    red, green, blue = paint(255, 0, 0), paint(0, 255, 0), paint(0, 0, 255)
    neighbour_grid.draw_neighbours([red, blue], [[green, blue], [red]], str(path))
    pixels = np.asarray(Image.open(path).convert("RGB"))
    height, width, _ = pixels.shape

    def look(x, y):
        return tuple(pixels[int(y * height), int(x * width)].tolist())

    assert look(0.15, 0.25) == (255, 0, 0)
    assert look(0.5, 0.25) == (0, 255, 0)
    assert look(0.85, 0.25) == (0, 0, 255)
    assert look(0.15, 0.75) == (0, 0, 255)
    assert look(0.5, 0.75) == (255, 0, 0)
    assert look(0.85, 0.75) == (255, 255, 255)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
