"""Diagnostics of learning: dead units, weight norms, a loss at chance level."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from alexnet_tf.config.schema import Config
from alexnet_tf.devices import placement
from alexnet_tf.network import layers
from alexnet_tf.network.networks import NETWORKS
from alexnet_tf.network.parameters import KERNEL, list_parameters
from alexnet_tf.optimization.momentum import Optimizer
from alexnet_tf.stack import keras

# A loss within this fraction of ln(classes) counts as chance level.
_CHANCE_MARGIN = 0.02
# Below this part of the error of guessing, 1 - 1 / classes, a network has learned,
# whatever its loss: confident wrong answers can bring that to ln(classes).
_LEARNED = 0.75
# Standard deviation of the initial weights of conv3 to conv5 in the authors' source.
_SOURCE_STDDEV = 0.03


def make_dead_unit_counter(
    model: keras.Model, device: str | None = None
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Compiles a function that counts dead units; `device` is tower a's.

    A unit (a kernel of a convolutional layer, a neuron of a fully-connected one) is
    dead on a batch if its ReLU gives 0 at every position of every image, so that no
    gradient reaches its weights. The function takes images float32 [B, crop, crop, 3]
    and gives the fraction of dead units, float32 scalar in 0..1, by layer ("conv1a").
    """
    activations = [
        layer for layer in model.layers if isinstance(layer, layers.Activation)
    ]
    probe = keras.Model(model.inputs, [layer.output for layer in activations])
    names = [_name_parameters_of(model, layer.name) for layer in activations]

    @tf.function(reduce_retracing=True, autograph=False)
    def count_dead_units(images: tf.Tensor) -> dict[str, tf.Tensor]:
        with placement.scope(device):
            shares = {}
            for name, output in zip(names, probe(images, training=False), strict=True):
                units = tf.reshape(output, [-1, output.shape[-1]])
                is_dead = tf.reduce_all(units == 0, axis=0)
                shares[name] = tf.reduce_mean(tf.cast(is_dead, tf.float32))
            return shares

    return count_dead_units


def _name_parameters_of(model: keras.Model, activation_name: str) -> str:
    """relu1a -> conv1a, relu6b -> fc6b."""
    suffix = activation_name.removeprefix("relu")
    names = {layer.name for layer in model.layers}
    kinds = ("conv", "local", "fc")
    return next(kind + suffix for kind in kinds if kind + suffix in names)


def compute_weight_norms(optimizer: Optimizer) -> dict[str, float]:
    """The L2 norm of each parameter, by name."""
    return {
        parameter.name: float(tf.norm(parameter.variable))
        for parameter in optimizer.parameters
    }


def make_kernel_image(model: keras.Model) -> np.ndarray:
    """The first layer's kernels as an image, uint8 [height, width, 3]."""
    parameters = list_parameters(model)
    towers = [
        parameter.variable.numpy()
        for parameter in parameters
        if parameter.layer == parameters[0].layer and parameter.kind == KERNEL
    ]
    return draw_kernels(towers, scale=4)


def draw_kernels(
    towers: Sequence[np.ndarray],
    scale: int,
    per_row: int = 16,
    is_shared: bool = False,
) -> np.ndarray:
    """Draws kernels (paper, figure 3): tower a's above tower b's, `per_row` in a row.

    Each tower's kernels are float [size, size, 3, kernels], drawn with `scale` pixels
    per weight. Each is scaled to its own range; or, if the range is shared, all of both
    towers to that of the largest weight, and 0 is grey. Returns uint8 [height, width,
    3].
    """
    gap = 4
    largest = max(float(np.abs(kernels).max()) for kernels in towers)
    rows = []
    for kernels in towers:
        tiles = np.moveaxis(kernels, 3, 0)
        low = tiles.min(axis=(1, 2, 3), keepdims=True)
        high = tiles.max(axis=(1, 2, 3), keepdims=True)
        if is_shared:
            low, high = np.array(-largest), np.array(largest)
        tiles = 255 * (tiles - low) / np.maximum(high - low, 1e-12)
        tiles = tiles.round().astype(np.uint8).repeat(scale, 1).repeat(scale, 2)
        margins = ((0, -len(tiles) % per_row), (0, gap), (0, gap), (0, 0))
        tiles = np.pad(tiles, margins, constant_values=255)
        for start in range(0, len(tiles), per_row):
            rows.append(np.concatenate(tiles[start : start + per_row], axis=1))
    return np.concatenate(rows, axis=0)


def is_at_chance(loss: float, num_classes: int) -> bool:
    """True for a loss, nats, at ln(num_classes); False for one class and for NaN."""
    chance = math.log(num_classes)
    return bool(chance) and abs(loss - chance) <= _CHANCE_MARGIN * chance


class ChanceDetector:
    """Reports once that a run is at chance level, and again only after it left it."""

    def __init__(self, num_classes: int, config: Config):
        self._num_classes, self._config = num_classes, config
        self._is_at_chance = False

    def explain(self, loss: float, top1_error: float) -> str | None:
        """`explain_chance` of an epoch's mean training loss and error, 0..1.

        None if the error shows that the network has learned, or if the previous epoch
        was at chance level too.
        """
        has_learned = top1_error < _LEARNED * (1 - 1 / self._num_classes)
        hint = None
        if not has_learned:
            hint = explain_chance(loss, self._num_classes, self._config)
        was_at_chance, self._is_at_chance = self._is_at_chance, hint is not None
        return None if was_at_chance else hint


def explain_chance(loss: float, num_classes: int, config: Config) -> str | None:
    """Explains an epoch's mean training loss, nats, at chance level, ln(classes).

    Says what it means and what to try, with only those remedies that apply to the
    settings. Returns None if the loss is not at chance level.
    """
    if not is_at_chance(loss, num_classes):
        return None
    return (
        f"the training loss of this epoch is close to ln({num_classes}) = "
        f"{math.log(num_classes):.3f}, chance level: the network has learned nothing "
        "yet. If it stays there, check the fraction of dead units (TensorBoard, "
        "dead_units) and try, in a new workdir, "
        f"{' or '.join(_list_remedies(config))}."
    )


def _list_remedies(config: Config) -> list[str]:
    # Settings that may get a run away from chance level, most likely first.
    optimizer, remedies = config.optimizer, []
    if config.init_from:
        remedies.append(
            "the settings that the weights were trained with, if this run listed "
            "differences at its start"
        )
        if 0 in optimizer.rate_factors.values():
            remedies.append("fewer zeros in --config.optimizer.rate_factors")
        if config.schedule.frozen_until:
            remedies.append("an earlier --config.schedule.frozen_until")
    if optimizer.name == "multi_optimizer" and "adamw" in optimizer.per_layer.values():
        remedies.append(
            "smaller --config.optimizer.rate_factors for the layers that AdamW trains"
        )
    remedies.append(
        "a lower --config.optimizer.learning_rate (few classes need a lower one)"
    )
    if (
        _list_drawn_by_stddev_conv345(config)
        and config.model.initial_stddev_conv345 < _SOURCE_STDDEV
    ):
        remedies.append(
            f"--config.model.initial_stddev_conv345={_SOURCE_STDDEV} as in the source"
        )
    # Weights from another run come with their own scaling.
    if (
        not config.init_from
        and config.model.dropout_scaling == "training"
        and config.model.dropout_rate
    ):
        remedies.append("--config.model.dropout_scaling=test")
    return remedies


def _list_drawn_by_stddev_conv345(config: Config) -> set[str]:
    # The layers whose first weights `initial_stddev_conv345` determines.
    drawn = {"conv3", "conv4", "conv5"} & {*NETWORKS[config.model.network].layers}
    if config.init_from:
        drawn -= set(config.init_layers or drawn)
    return drawn - set(config.model.initial_stddevs)
