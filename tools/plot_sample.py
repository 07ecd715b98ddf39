"""Draws the sheet of the sample data set: images of every class with its name."""

from __future__ import annotations

import io
import math
import os
import pathlib
import sys
from typing import TYPE_CHECKING

import numpy as np
from absl import flags
from PIL import Image

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf.figures import matplotlib_defaults
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files
from tfrecords.sources.sample import sample_source

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OUTPUT = flags.DEFINE(
    command_line.PathParser(suffixes=matplotlib_defaults.SUFFIXES),
    "output",
    "sheet.png",
    "The figure: .png, .pdf or .svg.",
)
_PER_CLASS = flags.DEFINE_integer("per_class", 3, "Images of each class, 1 to 50.")
_SEED = flags.DEFINE_integer("seed", 0, "The data set's seed.")

_SYNOPSIS = """\
Draws the sheet of the sample data set: images of every class with its name.

  python tools/plot_sample.py --output=docs/images/sample.png
"""

_COLUMNS = 4
# Sides of an image and of the line between two, in pixels of the sheet.
_TILE, _GAP = 88, 2
# In a PNG at this many dots per inch, an image's pixel is one of the sheet's.
_DPI = 100


def main() -> None:
    """Reads the flags, writes the sheet, says where it is."""
    if not 1 <= _PER_CLASS.value <= 50:
        raise errors.UserError(
            f"--per_class={_PER_CLASS.value} is out of range: give 1 to 50."
        )
    path = _OUTPUT.value
    sheet = make_sheet(_PER_CLASS.value, _SEED.value)
    files.make_directory(os.path.dirname(os.path.abspath(path)))
    if matplotlib_defaults.get_format(path) == "png":
        with files.atomic_write(path) as file:
            render(sheet).save(file, "PNG", optimize=True, dpi=(_DPI, _DPI))
    else:
        matplotlib_defaults.save(sheet, path)
    width, height = (int(_DPI * inches) for inches in sheet.get_size_inches())
    print(f"{path}: {width} x {height} pixels, {os.path.getsize(path):,} B")


@matplotlib_defaults.default_style()
def make_sheet(per_class: int, seed: int) -> Figure:
    """The sheet: a panel for each class, in the order of the labels, row by row.

    A panel has the training split's first `per_class` images side by side.
    """
    # Only now: --help does without.
    from matplotlib import figure as figure_lib

    source = sample_source.open_sample(per_class, 0, seed)
    rows = math.ceil(len(source.classes) / _COLUMNS)
    panel_width = per_class * (_TILE + _GAP) - _GAP
    margin, heading = 10, 26
    width = _COLUMNS * (panel_width + margin) + margin
    height = rows * (_TILE + heading) + margin
    # Whole pixels: Matplotlib 3.10 cuts off what 4.02 * 100 lacks to 402.
    inches = ((width + 0.1) / _DPI, (height + 0.1) / _DPI)
    figure = figure_lib.Figure(figsize=inches, dpi=_DPI, facecolor="white")
    for label, info in enumerate(source.classes):
        row, column = divmod(label, _COLUMNS)
        left = margin + column * (panel_width + margin)
        top = heading + row * (_TILE + heading)
        # In parts of the figure's size, which is a tenth of a pixel larger.
        sizes = np.array([width, height, width, height]) + 0.1
        bounds = np.array([left, height - top - _TILE, panel_width, _TILE]) / sizes
        axes = figure.add_axes(tuple(bounds))
        axes.set_axis_off()
        panel = np.asarray(_make_panel(source, label, per_class))
        axes.imshow(panel, interpolation="none", aspect="auto")
        figure.text(
            left / width,
            1 - (top - 5) / height,
            info.text,
            fontsize=10,
            verticalalignment="bottom",
        )
    return figure


@matplotlib_defaults.default_style()
def render(sheet: Figure) -> Image.Image:
    """The sheet in pixels, with a palette of 256 colours: a third of the size."""
    from matplotlib.backends import backend_agg

    canvas = backend_agg.FigureCanvasAgg(sheet)
    canvas.draw()
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
    image = image.convert("RGB")
    # The palette from every fourth row and column, for speed; Pillow dithers only where
    # the palette is given.
    few = image.resize((image.width // 4, image.height // 4), Image.Resampling.NEAREST)
    return image.quantize(palette=few.quantize(256, kmeans=1))


def _make_panel(
    source: sample_source.SampleSource, label: int, per_class: int
) -> Image.Image:
    """One class's images in a row, the centre square of each."""
    panel = Image.new("RGB", (per_class * (_TILE + _GAP) - _GAP, _TILE), "white")
    for index in range(per_class):
        data = source.read_image("train", label * per_class + index)
        with Image.open(io.BytesIO(data)) as image:
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            square = image.crop((left, top, left + side, top + side))
        tile = square.resize((_TILE, _TILE), Image.Resampling.LANCZOS)
        panel.paste(tile, (index * (_TILE + _GAP), 0))
    return panel


if __name__ == "__main__":
    command_line.run(main, __name__, _SYNOPSIS)
