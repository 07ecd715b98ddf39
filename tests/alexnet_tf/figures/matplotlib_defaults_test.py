"""Tests of `figures.matplotlib_defaults`: the user's style is ignored and restored."""

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import figure as figure_lib

from alexnet_tf.figures import matplotlib_defaults


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


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
