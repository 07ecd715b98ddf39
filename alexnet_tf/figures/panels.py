"""Draws the paper's figure 4, left: images with their five most probable labels."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

import numpy as np

from alexnet_tf.figures import matplotlib_defaults
from tfrecords.console import printing

_PER_ROW = 4
# The paper draws the true label's bar in red.
_RIGHT, _OTHER = matplotlib_defaults.VERMILLION, matplotlib_defaults.SKY_BLUE


@matplotlib_defaults.default_style()
def draw_panels(
    images: Sequence[np.ndarray],
    probabilities: Sequence[np.ndarray],
    truths: Sequence[int | None],
    class_names: Sequence[str],
    path: str,
) -> str:
    """Draws images with their five most probable labels, four per row.

    The true class, if known, is above each image. Below it, there is a bar for each of
    the five most probable labels; the true label's bar is red.

    There is at least one image, uint8 [height, width, 3]; each has probabilities,
    float32 [classes], and a true label or None. The class names are by label. The
    suffix of `path` is the format: .png, .pdf or .svg. Raises `UserError` for another
    suffix, and `StorageError` if the file cannot be written.

    Returns:
      The characters of the names that the font lacks, sorted; the figure shows boxes
      in their place.
    """
    # Not pyplot, which would display the figure when called from a notebook.
    from matplotlib import figure as figure_lib

    num_rows = -(-len(images) // _PER_ROW)
    num_columns = min(len(images), _PER_ROW)
    figure = figure_lib.Figure(figsize=(2.6 * num_columns, 4.2 * num_rows))
    axes = figure.subplots(
        2 * num_rows, num_columns, height_ratios=[2.6, 1.3] * num_rows, squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for number, (image, values, truth) in enumerate(
        zip(images, probabilities, truths, strict=True)
    ):
        row, column = divmod(number, _PER_ROW)
        panel, bars = axes[2 * row, column], axes[2 * row + 1, column]
        panel.imshow(image)
        if truth is not None:
            # Two dollar signs in a name do not make it a formula.
            title = _shorten(class_names[truth])
            panel.set_title(title, fontsize=11, parse_math=False)
        top = np.argsort(-values, kind="stable")[:5].tolist()
        heights = [values[label] for label in top]
        colours = [_RIGHT if label == truth else _OTHER for label in top]
        bars.barh(range(len(top)), heights, color=colours, height=0.85)
        for place, label in enumerate(top):
            text = _shorten(class_names[label])
            bars.text(0.02, place, text, va="center", fontsize=9, parse_math=False)
        bars.set_xlim(0, 1)
        bars.set_ylim(4.6, -0.6)
    # matplotlib warns of each character several times, with its own lines of code.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.tight_layout(pad=0.6)
        matplotlib_defaults.save(figure, path)
    found = (re.match(r"Glyph (\d+) ", str(warning.message)) for warning in caught)
    return "".join(sorted({chr(int(match[1])) for match in found if match}))


def _shorten(text: str) -> str:
    # Keeps only the first of a synset's names.
    first = printing.escape(text.split(",")[0])
    return first if len(first) <= 24 else first[:23] + "…"
