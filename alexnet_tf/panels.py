"""The paper's figure 4, left: pictures, each with its five most probable labels."""

from __future__ import annotations

from collections.abc import Sequence

from alexnet_tf import figures
from alexnet_tf.predict import Prediction
from tfrecords import durable, manifest

_PER_ROW = 4
# The paper draws the right label's bar in red.
_RIGHT, _OTHER = "#d1495b", "#7a9cc6"


@figures.default_style()
def draw_panels(
    predictions: Sequence[Prediction],
    classes: Sequence[manifest.ClassInfo],
    path: str,
) -> None:
    """Draws predictions without errors, four in a row, to a PNG.

    Under each picture stand the name of its folder's class, if it has one, and a bar
    for each of the five most probable labels, the right one's in red.

    Args:
      predictions: at least one.
      classes: in the order of their labels.
      path: of the PNG.

    Raises:
      StorageError: where it cannot be written.
    """
    # Not pyplot, which would show the figure where a notebook has called this.
    from matplotlib import figure as figure_lib

    num_rows = -(-len(predictions) // _PER_ROW)
    num_columns = min(len(predictions), _PER_ROW)
    figure = figure_lib.Figure(figsize=(2.6 * num_columns, 4.2 * num_rows))
    axes = figure.subplots(
        2 * num_rows,
        num_columns,
        height_ratios=[2.6, 1.3] * num_rows,
        squeeze=False,
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for number, prediction in enumerate(predictions):
        row, column = divmod(number, _PER_ROW)
        picture, bars = axes[2 * row, column], axes[2 * row + 1, column]
        picture.imshow(prediction.image)
        if prediction.truth is not None:
            picture.set_title(_shorten(classes[prediction.truth].text), fontsize=11)
        top = prediction.get_top()
        heights = [prediction.probabilities[label] for label in top]
        colours = [_RIGHT if label == prediction.truth else _OTHER for label in top]
        bars.barh(range(len(top)), heights, color=colours, height=0.85)
        for place, label in enumerate(top):
            text = _shorten(classes[label].text)
            bars.text(0.02, place, text, va="center", fontsize=9)
        bars.set_xlim(0, 1)
        bars.set_ylim(4.6, -0.6)
    figure.tight_layout(pad=0.6)
    with durable.atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=110)


def _shorten(text: str) -> str:
    # The first of a synset's names.
    first = text.split(",")[0]
    return first if len(first) <= 24 else first[:23] + "…"
