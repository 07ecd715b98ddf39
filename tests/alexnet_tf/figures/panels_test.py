"""Tests of `figures.panels`: the file exists and shows the bars."""

from __future__ import annotations

import sys
import warnings

import matplotlib.colors
import numpy as np
import pytest
from PIL import Image

from alexnet_tf.figures import panels

CLASSES = [f"class {label}" for label in range(6)]


def draw(truths, path, classes=CLASSES):
    probabilities = np.array([0.5, 0.2, 0.1, 0.1, 0.06, 0.04], np.float32)
    image = np.full((64, 64, 3), 128, np.uint8)
    count = len(truths)
    return panels.draw_panels(
        [image] * count, [probabilities] * count, truths, classes, str(path)
    )


def count_pixels(path, colour):
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    wanted = 255 * np.array(matplotlib.colors.to_rgb(colour))
    return int((np.abs(pixels - wanted).max(axis=2) < 3).sum())


def test_the_right_labels_bar_has_its_own_colour(tmp_path):
    path = tmp_path / "panels.png"
    sizes = {}
    for truth in (None, 0, 1, 5):
        draw([truth], path)
        sizes[truth] = count_pixels(path, panels._RIGHT)
    # The bar of 0.5 is longer than that of 0.2; the sixth label has none.
    assert sizes[None] == sizes[5] == 0
    assert sizes[0] > 2 * sizes[1] > 0


@pytest.mark.parametrize("count, columns, rows", [(1, 1, 1), (4, 4, 1), (5, 4, 2)])
def test_four_in_a_row(tmp_path, count, columns, rows):
    path = tmp_path / "panels.png"
    draw([0] * count, path)
    width, height = Image.open(path).size
    assert width == pytest.approx(2.6 * 300 * columns, abs=2)
    assert height == pytest.approx(4.2 * 300 * rows, abs=2)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        # Formulas to matplotlib, the second one wrong.
        ("A$AP and Ke$ha", ""),
        ("$\\foo$", ""),
        ("two\nlines\t\x01", ""),
        ("caf\u00e9", ""),
        ("\u540d \u524d", "\u524d\u540d"),
        ("caf\udce9", ""),
    ],
)
def test_any_class_name_is_drawn_as_it_is(tmp_path, name, missing):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw([0], tmp_path / "a.svg", [name, *CLASSES[1:]]) == missing


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
