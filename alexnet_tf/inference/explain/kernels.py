"""The convolutional layers' kernels, tower by tower, and their maps.

A kernel is named by its layer with its tower and its number there, from 0: "conv3b:17".
Its map is what follows its convolution and the activation, as in section 3.1.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from alexnet_tf.inference.explain import receptive_field
from alexnet_tf.inference.explain.receptive_field import Field
from alexnet_tf.network import build, layers, local
from alexnet_tf.stack import get_tf_variable, keras
from tfrecords import errors


class Kernel(NamedTuple):
    """A kernel: its layer with its tower, "conv3b", and its number, from 0."""

    tower: str
    number: int

    def __str__(self) -> str:
        return f"{self.tower}:{self.number}"


@dataclasses.dataclass(frozen=True)
class Tower:
    """A convolutional layer of one tower."""

    name: str  # "conv3b", or "conv3" in a network with a single tower
    layer: str  # "conv3"
    field: Field
    num_kernels: int
    is_local: bool  # whether each position has kernels of its own
    output: Any  # the symbolic maps, after the activation


def list_towers(model: keras.Model) -> list[Tower]:
    """The convolutional layers from first to last, tower a's before tower b's."""
    found: dict[str, Tower] = {}
    field = Field()
    previous = ""
    convolutions: dict[str, layers.Convolution] = {}
    for layer in model.layers:
        if isinstance(layer, layers.Dense):
            break
        name = build.get_layer_name(layer.name)
        # A layer's windows are the same in both towers.
        if name != previous:
            field = field.enlarge(receptive_field.find_window(layer))
        previous = name
        suffix = layer.name.removeprefix(name)
        if isinstance(layer, layers.Convolution):
            convolutions[suffix] = layer
        elif isinstance(layer, layers.Activation):
            own = convolutions[suffix]
            found[own.name] = Tower(
                own.name,
                build.get_layer_name(own.name),
                field,
                own.kernels,
                isinstance(own, local.LocallyConnected),
                layer.output,
            )
    return list(found.values())


def make_maps_function(
    model: keras.Model, towers: Sequence[Tower]
) -> Callable[[tf.Tensor], list[tf.Tensor]]:
    """Makes the function from images to the towers' maps.

    It takes images, float32 [B, crop, crop, 3], mean subtracted, to float32 [B, height,
    width, kernels] for each of `towers`. Layers above them are not computed.
    """
    to_maps = keras.Model(model.inputs, [tower.output for tower in towers])

    def compute(images: tf.Tensor) -> list[tf.Tensor]:
        outputs = tf.nest.flatten(to_maps(images, training=False))
        return [tf.cast(maps, tf.float32) for maps in outputs]

    return compute


def parse(names: Sequence[str], towers: Sequence[Tower]) -> list[Kernel]:
    """Reads names such as "conv3b:17"; repeated ones count once.

    Raises `UserError` if there is no such kernel.
    """
    numbers = {tower.name: tower.num_kernels for tower in towers}
    found = []
    for name in names:
        match = re.fullmatch(r"(\w+):(\d+)", name.strip(), re.ASCII)
        if not match:
            raise errors.UserError(
                f"{name!r} is not a kernel. Write a layer and a number, such as "
                f"{towers[0].name}:0."
            )
        tower, number = match[1], int(match[2])
        if tower not in numbers:
            raise errors.UserError(
                f"the network has no convolutional layer {tower!r}. It has "
                f"{', '.join(numbers)}."
            )
        if number >= numbers[tower]:
            raise errors.UserError(
                f"{tower} has no kernel {number}. Its kernels have the numbers 0 to "
                f"{numbers[tower] - 1}."
            )
        found.append(Kernel(tower, number))
    return list(dict.fromkeys(found))


def rank(maps: np.ndarray) -> np.ndarray:
    """The numbers of the kernels of maps [height, width, kernels], strongest first.

    A kernel is as strong as its greatest response. Ties go by number.
    """
    return np.argsort(-maps.max(axis=(0, 1)), kind="stable")


def find_peak(single: np.ndarray) -> tuple[int, int]:
    """The row and column of the greatest response of one map, [height, width]."""
    row, column = np.unravel_index(np.argmax(single), single.shape)
    return int(row), int(column)


def read_weights(
    model: keras.Model, towers: Sequence[Tower], kernel: Kernel
) -> np.ndarray | None:
    """A kernel of the first layer, float32 [size, size, 3]; None of another layer."""
    first = [tower.name for tower in towers if tower.layer == towers[0].layer]
    if kernel.tower not in first:
        return None
    weights = get_tf_variable(model.get_layer(kernel.tower).kernel)
    return tf.cast(weights[..., kernel.number], tf.float32).numpy()
