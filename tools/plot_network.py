"""Draws a network as the paper's figure 2 does, from the model that would be trained.

Below each layer: its parameters, its multiplications per image, and the weights that a
fully-connected layer between the same numbers of inputs and outputs would have. That is
the comparison of section 1: convolutional networks "have much fewer connections and
parameters" than standard ones with layers of similar sizes.
"""

from __future__ import annotations

import math
import pathlib
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf.figures import matplotlib_defaults
from alexnet_tf.network.networks import NETWORKS
from tfrecords.console import command_line
from tfrecords.durable import files
from tfrecords.plurals import counted

if TYPE_CHECKING:
    from alexnet_tf.stack import keras

SYNOPSIS = """\
python tools/plot_network.py --output=network.svg [--network=alexnet]

Draws a network as the paper's figure 2 does: a row of layers for each tower, with the
sizes of their outputs, and the edges that cross from one device to the other. The bars
below are each layer's parameters, its multiplications per image, and the weights of a
fully-connected layer between as many inputs and outputs."""

_OUTPUT = flags.DEFINE(
    command_line.PathParser(suffixes=matplotlib_defaults.SUFFIXES),
    "output",
    "network.png",
    "the figure: .png, .pdf or .svg",
)
_NETWORK = flags.DEFINE_enum(
    "network", "alexnet", list(NETWORKS), "which network, as --config.model.network"
)
_NUM_CLASSES = flags.DEFINE_integer(
    "num_classes", 1000, "outputs of the last layer", lower_bound=1
)
_CROP_SIZE = flags.DEFINE_integer(
    "crop_size", 224, "side of the network's input, pixels", lower_bound=8
)

_OWN, _CROSSING = matplotlib_defaults.GREY, matplotlib_defaults.VERMILLION
_TOWERS = (matplotlib_defaults.BLUE, matplotlib_defaults.GREEN)
_BARS = (
    ("parameters", matplotlib_defaults.BLUE),
    ("multiplications per image", matplotlib_defaults.ORANGE),
    ("weights if fully connected", matplotlib_defaults.GREY),
)
# The tallest box, of the images, in columns' widths.
_TALLEST = 0.9


class Layer(NamedTuple):
    """A layer with weights, as it is in the model, both towers together.

    Attributes:
      sides: of each tower's output, pixels; 1 of a fully-connected layer.
      maps: of each tower's output: kernels or units; one entry if a single tower
        computes the layer.
      crosses: whether its inputs come from both devices.
      num_inputs: numbers that all its inputs are, each counted once.
      num_parameters: weights and biases.
      num_products: multiplications for one image.
    """

    name: str
    side: int
    maps: tuple[int, ...]
    crosses: bool
    num_inputs: int
    num_parameters: int
    num_products: int

    @property
    def num_outputs(self) -> int:
        """Numbers that its output is."""
        return self.side**2 * sum(self.maps)

    @property
    def num_dense_weights(self) -> int:
        """Weights of a fully-connected layer between its inputs and outputs."""
        return self.num_inputs * self.num_outputs


def read_layers(model: keras.Model) -> list[Layer]:
    """The layers with weights of a model, from first to last."""
    from alexnet_tf.network import build

    by_name: dict[str, list[Any]] = {}
    for layer in model.layers:
        if layer.count_params():
            by_name.setdefault(build.get_layer_name(layer.name), []).append(layer)
    names = {layer.name for layer in model.layers}
    found = []
    for number, (name, towers) in enumerate(by_name.items()):
        shapes = [tuple(tower.output.shape)[1:] for tower in towers]
        side = shapes[0][0] if len(shapes[0]) == 3 else 1
        exchanges = f"exchange{re.sub(r'[a-z]', '', name)}a" in names
        # With an exchange, and of the images, each tower's input is all there is.
        own = [math.prod(tuple(tower.input.shape)[1:]) for tower in towers]
        sees_all = exchanges or number == 0
        kernels = [math.prod(tower.get_weights()[0].shape) for tower in towers]
        # A kernel of a convolution is used at every place of its output.
        uses = 1 if _has_own_kernels(towers[0]) else side**2
        found.append(
            Layer(
                name=name,
                side=side,
                maps=tuple(shape[-1] for shape in shapes),
                crosses=exchanges,
                num_inputs=own[0] if sees_all else sum(own),
                num_parameters=sum(tower.count_params() for tower in towers),
                num_products=uses * sum(kernels),
            )
        )
    return found


def _has_own_kernels(layer: Any) -> bool:
    # A locally-connected layer's kernels [places, ...] are used once each.
    return "local" in layer.name


def draw(layers: list[Layer], image: tuple[int, int], path: str) -> None:
    """Draws the layers; `image` is the input's side, pixels, and its channels.

    Raises `UserError` for another suffix than .png, .pdf and .svg, `StorageError` if
    the file cannot be written.
    """
    with matplotlib_defaults.default_style():
        from matplotlib import figure as figure_lib

        width = max(10.0, 1.45 * (len(layers) + 1))
        figure = figure_lib.Figure(figsize=(width, 6.2))
        upper, lower = figure.subplots(2, 1, height_ratios=[1.25, 1])
        _draw_boxes(upper, layers, image)
        _draw_bars(lower, layers)
        figure.tight_layout(pad=0.5)
        matplotlib_defaults.save(figure, path)


def _draw_boxes(axes: Any, layers: list[Layer], image: tuple[int, int]) -> None:
    num_towers = max(len(layer.maps) for layer in layers)
    rows = [0.55, -0.55] if num_towers == 2 else [0.0]
    places = [[(0.0, 0.0)]]
    _draw_box(axes, 0.0, 0.0, image[0], image[0], matplotlib_defaults.BLACK)
    _label(axes, 0.0, -0.62, f"images\n{image[0]}x{image[0]}x{image[1]}")
    for column, layer in enumerate(layers, 1):
        middle = [sum(rows) / len(rows)]
        heights = rows if len(layer.maps) == len(rows) else middle
        here = [(float(column), height) for height in heights]
        for tower, place in enumerate(here):
            _draw_edges(axes, places[-1], place, tower, layer.crosses)
            colour = _TOWERS[tower] if len(here) == 2 else matplotlib_defaults.BLACK
            _draw_box(axes, *place, layer.side, image[0], colour)
        size = f"{layer.side}x{layer.side}x" if layer.side > 1 else ""
        each = (
            f"2 x {size}{layer.maps[0]}" if len(here) == 2 else f"{size}{layer.maps[0]}"
        )
        _label(axes, column, rows[-1] - 0.62, f"{layer.name}\n{each}")
        places.append(here)
    if len(rows) == 2:
        for name, height, colour in zip("ab", rows, _TOWERS, strict=True):
            axes.text(
                len(layers) + 0.55, height, f"tower {name}", color=colour, va="center"
            )
        axes.plot([], [], color=_OWN, label="stays on its device")
        axes.plot([], [], color=_CROSSING, ls="--", label="crosses to the other device")
        axes.legend(loc="upper right", ncols=2, frameon=False, fontsize=9)
    axes.set_xlim(-0.6, len(layers) + 1.1)
    axes.set_ylim(rows[-1] - 1.1, rows[0] + 0.95)
    axes.set_axis_off()


def _draw_edges(
    axes: Any,
    before: list[tuple[float, float]],
    to: tuple[float, float],
    tower: int,
    crosses: bool,
) -> None:
    for other, start in enumerate(before):
        is_own = len(before) == 1 or other == tower
        if not is_own and not crosses:
            continue
        axes.annotate(
            "",
            to,
            start,
            arrowprops={
                "arrowstyle": "->",
                "color": _OWN if is_own else _CROSSING,
                "linestyle": "-" if is_own else "--",
                "shrinkA": 13,
                "shrinkB": 13,
                "linewidth": 1.3,
            },
        )


def _draw_box(
    axes: Any, x: float, y: float, side: int, largest: int, colour: str
) -> None:
    from matplotlib import patches

    # The square root keeps layers of one pixel visible.
    height = _TALLEST * math.sqrt(max(side, 2) / largest)
    axes.add_patch(
        patches.Rectangle(
            (x - 0.09, y - height / 2), 0.18, height, color=colour, alpha=0.85, zorder=3
        )
    )


def _label(axes: Any, x: float, y: float, text: str) -> None:
    axes.text(x, y, text, ha="center", va="top", fontsize=9, linespacing=1.3)


def _draw_bars(axes: Any, layers: list[Layer]) -> None:
    columns = [
        [layer.num_parameters for layer in layers],
        [layer.num_products for layer in layers],
        [layer.num_dense_weights for layer in layers],
    ]
    for number, ((label, colour), values) in enumerate(
        zip(_BARS, columns, strict=True)
    ):
        places = [column + 0.27 * (number - 1) for column in range(1, len(layers) + 1)]
        total = f"{label}: {_say(sum(values))}"
        axes.bar(places, values, 0.25, color=colour, label=total)
    axes.set_yscale("log")
    axes.set_xlim(-0.6, len(layers) + 1.1)
    axes.set_ylim(top=30 * max(map(max, columns)))
    axes.set_xticks(range(1, len(layers) + 1), [layer.name for layer in layers])
    axes.legend(loc="upper right", ncols=3, frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _say(number: int) -> str:
    """A large number in words, to three digits: 61 million."""
    for size, word in ((10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:.3g} {word}"
    return f"{number:,}"


def main() -> None:
    """Reads the flags, builds the model and draws it."""
    files.check_target(_OUTPUT.value)
    command_line.quiet_tensorflow()
    from alexnet_tf.config import overrides
    from alexnet_tf.config.schema import Config
    from alexnet_tf.devices.placement import Placement
    from alexnet_tf.network import build

    given = {"model.network": _NETWORK.value, "data.crop_size": _CROP_SIZE.value}
    config = overrides.override(Config(), given)
    model = build.build_network(config, _NUM_CLASSES.value, Placement())
    layers = read_layers(model)
    draw(layers, tuple(model.inputs[0].shape[2:]), _OUTPUT.value)
    parameters = sum(layer.num_parameters for layer in layers)
    dense = sum(layer.num_dense_weights for layer in layers)
    print(
        f"wrote {_OUTPUT.value}: {counted(parameters, 'parameter')}, "
        f"{sum(layer.num_products for layer in layers):,} multiplications per image; "
        f"{_say(dense)} weights if fully connected"
    )


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
