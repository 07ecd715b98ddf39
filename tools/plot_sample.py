"""Draws the sheet of the sample data set: images of every class with its name."""

from __future__ import annotations

import io
import math
import os
import pathlib
import sys

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

_OUTPUT = flags.DEFINE(
    command_line.PathParser(), "output", "sheet.png", "The PNG to write."
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


def main() -> None:
    """Reads the flags, writes the sheet, says where it is."""
    if not 1 <= _PER_CLASS.value <= 50:
        raise errors.UserError(
            f"--per_class={_PER_CLASS.value} is out of range: give 1 to 50."
        )
    sheet = make_sheet(_PER_CLASS.value, _SEED.value)
    path = _OUTPUT.value
    files.make_directory(os.path.dirname(os.path.abspath(path)))
    with files.atomic_write(path) as file:
        sheet.save(file, "PNG", optimize=True)
    print(f"{path}: {sheet.width} x {sheet.height} pixels, {os.path.getsize(path):,} B")


@matplotlib_defaults.default_style()
def make_sheet(per_class: int, seed: int) -> Image.Image:
    """The sheet: a panel for each class, in the order of the labels, row by row.

    A panel has the training split's first `per_class` images side by side. The result
    is a palette image of 256 colours, a third of the size of one in full colour.
    """
    from matplotlib.backends import backend_agg
    from matplotlib.figure import Figure

    source = sample_source.open_sample(per_class, 0, seed)
    rows = math.ceil(len(source.classes) / _COLUMNS)
    panel_width = per_class * (_TILE + _GAP) - _GAP
    # At 100 dots per inch an image's pixel is one of the sheet's.
    margin, heading = 10, 26
    width = _COLUMNS * (panel_width + margin) + margin
    height = rows * (_TILE + heading) + margin
    # Whole pixels: Matplotlib 3.10 cuts off what 4.02 * 100 lacks to 402.
    inches = ((width + 0.1) / 100, (height + 0.1) / 100)
    figure = Figure(figsize=inches, dpi=100, facecolor="white")
    canvas = backend_agg.FigureCanvasAgg(figure)
    for label, info in enumerate(source.classes):
        row, column = divmod(label, _COLUMNS)
        left = margin + column * (panel_width + margin)
        top = heading + row * (_TILE + heading)
        figure.figimage(
            np.asarray(_make_panel(source, label, per_class)),
            xo=left,
            yo=height - top - _TILE,
            origin="upper",
        )
        figure.text(
            left / width,
            1 - (top - 5) / height,
            info.text,
            fontsize=10,
            verticalalignment="bottom",
        )
    canvas.draw()
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
    image = image.convert("RGB")
    # The palette from every fourth row and column, for speed; Pillow dithers only where
    # the palette is given.
    few = image.resize((width // 4, height // 4), Image.Resampling.NEAREST)
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
