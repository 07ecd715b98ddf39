"""Tests of `figures.matplotlib_defaults`: style, colours and formats of figures."""

import itertools
import sys

import matplotlib
import matplotlib.colors
import numpy as np
import pytest
from matplotlib import figure as figure_lib
from PIL import Image

from alexnet_tf.figures import matplotlib_defaults
from tfrecords import errors

STARTS = {".png": b"\x89PNG", ".pdf": b"%PDF-", ".svg": b"<?xml"}

# Linear RGB as protanopes and deuteranopes see it (Vienot, Brettel and Mollon, 1999).
COLOUR_BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]
    ),
    "deuteranopia": np.array(
        [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]
    ),
}
RGB_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


def draw(path):
    figure = figure_lib.Figure()
    figure.subplots().set_title("a title")
    figure.savefig(path, format="png")
    return path.read_bytes()


def test_a_users_style_does_not_show(tmp_path):
    expected = matplotlib_defaults.default_style()(draw)(tmp_path / "a.png")
    style = {"figure.facecolor": "black", "savefig.dpi": 50, "font.size": 20.0}
    with matplotlib.rc_context(style):
        assert draw(tmp_path / "b.png") != expected
        assert matplotlib_defaults.default_style()(draw)(tmp_path / "c.png") == expected
        assert matplotlib.rcParams["savefig.dpi"] == 50


def test_latex_that_is_not_installed_is_not_asked_for(tmp_path):
    with (
        matplotlib.rc_context({"text.usetex": True}),
        matplotlib_defaults.default_style(),
    ):
        assert np.frombuffer(draw(tmp_path / "a.png"), np.uint8).size


def find_smallest_distance(colours, kind):
    """The smallest CIE76 distance of two colours, as the colour-blind see them."""
    rgb = np.array([matplotlib.colors.to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ COLOUR_BLINDNESS[kind].T, 0, 1)
    xyz = seen @ RGB_TO_XYZ.T / RGB_TO_XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    lab = np.stack(
        [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1
    )
    pairs = itertools.combinations(lab, 2)
    return min(float(np.linalg.norm(a - b)) for a, b in pairs)


@pytest.mark.parametrize("kind", COLOUR_BLINDNESS)
def test_colours_are_told_apart_by_the_colour_blind(kind):
    assert find_smallest_distance(matplotlib_defaults.PALETTE, kind) > 12


def test_matplotlibs_own_colours_would_not_be():
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        own = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"][:8]
    kinds = ("protanopia", "deuteranopia")
    assert min(find_smallest_distance(own, kind) for kind in kinds) < 6


def test_lines_have_the_palettes_colours():
    with matplotlib_defaults.default_style():
        lines = figure_lib.Figure().subplots().plot(np.zeros([2, 8]))
    assert [line.get_color() for line in lines] == [*matplotlib_defaults.PALETTE]


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg", ".PDF"])
def test_the_suffix_is_the_format(suffix, tmp_path):
    pixels = np.zeros((2, 3, 3), np.uint8)
    for name in ("a", "b"):
        with matplotlib_defaults.default_style():
            figure = figure_lib.Figure(figsize=(2, 1))
            figure.subplots().plot([1, 2])
            matplotlib_defaults.save(figure, str(tmp_path / f"{name}{suffix}"))
        matplotlib_defaults.save_pixels(pixels, str(tmp_path / f"{name}2{suffix}"))
    for stem in ("", "2"):
        first, second = ((tmp_path / f"{n}{stem}{suffix}") for n in "ab")
        assert first.read_bytes().startswith(STARTS[suffix.lower()])
        # No time of day is in it.
        assert first.read_bytes() == second.read_bytes()


def test_a_png_has_300_dots_per_inch(tmp_path):
    path = str(tmp_path / "a.png")
    matplotlib_defaults.save(figure_lib.Figure(figsize=(2, 1)), path)
    with Image.open(path) as image:
        assert image.size == (600, 300)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    matplotlib_defaults.save_pixels(pixels, path)
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), pixels)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("name", ["a.jpg", "a", "png", "a.png.gz"])
def test_other_suffixes_are_refused(name, tmp_path):
    path = str(tmp_path / name)
    for write in (
        lambda: matplotlib_defaults.save(figure_lib.Figure(), path),
        lambda: matplotlib_defaults.save_pixels(np.zeros((1, 1, 3), np.uint8), path),
    ):
        with pytest.raises(errors.UserError) as caught:
            write()
        assert name in str(caught.value) and ".svg" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
