"""How all figures look and are written: style, colours, file formats.

The style is matplotlib's own, independent of the user's. The colours are those of Okabe
and Ito, which people with any common colour blindness can tell apart.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from tfrecords import errors
from tfrecords.durable import files

# The formats of figures, by the file's suffix.
SUFFIXES = (".png", ".pdf", ".svg")
# Dots per inch of PNG files, as journals ask for.
DPI = 300

# M. Okabe and K. Ito, "Color Universal Design" (2008). Yellow is last: thin lines in it
# are hard to see on white.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY_BLUE, BLACK, YELLOW = "#E69F00", "#56B4E9", "#000000", "#F0E442"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY_BLUE, BLACK, YELLOW)
GREY = "#808080"

# Without these dates, equal figures are equal files.
_METADATA = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}


@contextlib.contextmanager
def default_style() -> Iterator[None]:
    """Applies our style within a context or a decorated function.

    It is matplotlib's own with the colours of `PALETTE`. A `matplotlibrc` in the home
    or working directory may set LaTeX, other sizes or colours. The user's style is
    restored afterwards.
    """
    import matplotlib
    from matplotlib import rcsetup

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        cycle = rcsetup.cycler(color=PALETTE)
        matplotlib.rcParams.update({"axes.prop_cycle": cycle, "svg.hashsalt": "ids"})
        yield


def get_format(path: str) -> str:
    """The format that a figure's suffix asks for: "png", "pdf" or "svg".

    Raises `UserError` for another suffix.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        raise errors.UserError(
            f"{path} is not the name of a figure. Give a name that ends in "
            f"{', '.join(SUFFIXES)}."
        )
    return suffix[1:]


def save(figure: Any, path: str) -> None:
    """Writes a matplotlib figure, atomically, in the format of the suffix.

    PNG files have `DPI` dots per inch. Raises `UserError` for an unknown suffix, and
    `StorageError` if the file cannot be written.
    """
    kind = get_format(path)
    with files.atomic_write(path) as file:
        figure.savefig(file, format=kind, dpi=DPI, metadata=_METADATA[kind])


@default_style()
def save_pixels(pixels: np.ndarray, path: str) -> None:
    """Writes an image, uint8 [height, width, 3], in the format of the suffix.

    Its pixels stay as they are, `DPI` of them per inch. Raises as `save`.
    """
    if get_format(path) == "png":
        with files.atomic_write(path) as file:
            image = Image.fromarray(np.ascontiguousarray(pixels))
            image.save(file, format="PNG", dpi=(DPI, DPI))
        return
    from matplotlib import figure as figure_lib

    height, width = pixels.shape[:2]
    figure = figure_lib.Figure(figsize=(width / DPI, height / DPI))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(pixels, interpolation="none", aspect="auto")
    save(figure, path)
