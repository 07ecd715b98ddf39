"""Builds the network from its table as a Keras functional model.

Two towers, a and b, hold half of the kernels each (paper, section 3.5, figure 2). ReLU
comes first, then response normalization, then pooling (sections 3.3 and 3.5).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from alexnet_tf.config.schema import Config, ModelConfig
from alexnet_tf.devices.placement import Placement, memory_errors
from alexnet_tf.network import layers, normalization
from alexnet_tf.network.tables import (
    NETWORKS,
    ConvolutionRow,
    DenseRow,
    Network,
    Row,
    compare_inputs,
    scale_rows,
)
from alexnet_tf.stack import keras
from tfrecords import errors

TOWER_SUFFIXES = "ab"
LAST_LAYER = "fc8"


def build_model(
    num_classes: int,
    config: ModelConfig,
    *,
    crop_size: int = 224,
    seed: int = 0,
    precision: str = "float32",
    placement: Placement | None = None,
    network: Network | None = None,
) -> keras.Model:
    """Builds the network as a Keras functional model.

    Args:
      num_classes: the number of units of fc8.
      config: the network, activation, normalization, pooling, dropout and initial
        weights.
      crop_size: side of the input, pixels.
      seed: seed of the initial weights and of dropout.
      precision: the layers' policy: "float32", "mixed_bfloat16", "mixed_float16".
      placement: the towers' devices; by default TensorFlow chooses.
      network: a table to use instead of that of `config.network`.

    Returns:
      A model from float32 [B, crop_size, crop_size, 3] (pixels of 0..255 minus the
      mean) to logits [B, num_classes] in the policy's compute dtype. Layers are named
      conv1a, conv1b, ..., or conv1, ... with a single tower.

    Raises:
      UserError: if the crops are too small for the layers.
    """
    network = network or NETWORKS[config.network]
    _check_crop_size(network.rows, config, crop_size)
    rows = scale_rows(network.rows, config.width, network.num_towers)
    stddevs = _choose_stddevs(config, network.rows, rows)
    builder = _Builder(
        config, stddevs, seed, precision, placement or Placement(), network.num_towers
    )
    images = keras.Input((crop_size, crop_size, 3), name="images", dtype="float32")
    towers = builder.copy_images(images)
    for row in rows:
        if isinstance(row, ConvolutionRow):
            towers = builder.add_convolution(row, towers)
        else:
            towers = builder.add_dense(row, towers)
    logits = builder.add_logits(num_classes, towers)
    return keras.Model(images, logits, name="alexnet")


def build_network(config: Config, num_classes: int, where: Placement) -> keras.Model:
    """Builds the network of a run; `config.precision` must not be "auto".

    Raises:
      UserError: if the settings describe no valid network.
      DeviceMemoryError: if its weights do not fit into memory.
    """
    with memory_errors("--config.model.width"):
        return build_model(
            num_classes,
            config.model,
            crop_size=config.data.crop_size,
            seed=config.seed,
            precision=config.precision,
            placement=where,
        )


def _choose_stddevs(
    config: ModelConfig, full: Sequence[Row], rows: Sequence[Row]
) -> dict[str, float]:
    """The standard deviation of each layer's initial kernels.

    In a network narrower than the paper's, units sum over fewer inputs, so

        stddev = the setting's * sqrt(inputs at full width / inputs)

    keeps the scale of the activations (ours; at full width nothing changes).
    """
    names = [*(row.name for row in rows), LAST_LAYER]
    stddevs = {}
    for name, ratio in zip(names, compare_inputs(full, rows), strict=True):
        stddev = config.initial_stddev
        if name in ("conv3", "conv4", "conv5"):
            stddev = config.initial_stddev_conv345
        if config.initial_scaling == "inputs":
            stddev *= math.sqrt(ratio)
        stddevs[name] = stddev
    return stddevs


def _check_crop_size(rows: Sequence[Row], config: ModelConfig, crop_size: int) -> None:
    side = crop_size
    for row in rows:
        if not isinstance(row, ConvolutionRow):
            continue
        side = (side + sum(row.padding) - row.size) // row.stride + 1
        if row.pooled:
            side = (side - config.pool_size) // config.pool_stride + 1
        if side < 1:
            raise errors.UserError(
                f"crops of {crop_size} pixels are too small for the network: "
                f"{row.name} would have no output. Give a larger "
                "--config.data.crop_size (the paper's is 224); convert larger images "
                "if necessary."
            )


@dataclasses.dataclass
class _Builder:
    """Adds the table's rows to the graph, tower by tower."""

    config: ModelConfig
    stddevs: Mapping[str, float]
    seed: int
    precision: str
    placement: Placement
    num_towers: int
    num_seeds: int = 0

    def copy_images(self, images: object) -> list:
        """Copies the batch to each tower's device."""
        if self.num_towers == 1:
            return [images]
        return [
            layers.Copy(**self._place("images", tower))(images)
            for tower in range(self.num_towers)
        ]

    def add_convolution(self, row: ConvolutionRow, towers: list) -> list:
        """Conv -> ReLU -> normalization -> pooling, for each tower."""
        config = self.config
        number = row.name.removeprefix("conv")
        inputs = self._exchange(number, towers) if row.sees_all else towers
        outputs = [
            layers.Convolution(
                row.kernels // self.num_towers,
                row.size,
                row.stride,
                row.padding,
                self.stddevs[row.name],
                row.initial_bias,
                self._next_seed(),
                **self._place(row.name, tower),
            )(x)
            for tower, x in enumerate(inputs)
        ]
        normalized = row.normalized and config.normalization != "none"
        before_relu = row.name == "conv1" and config.conv1_normalized_before_relu
        # The fused normalization also computes the gradient of the ReLU before it.
        joint = (
            normalized
            and not before_relu
            and config.activation == "relu"
            and normalization.resolve_method(config.normalization) == "fused"
        )
        if normalized and before_relu:
            outputs = self._normalize(number, outputs)
        outputs = self._activate(number, outputs, gradient_follows=joint)
        if normalized and not before_relu:
            outputs = self._normalize(number, outputs, rectified=joint)
        for tower, x in enumerate(outputs):
            if row.name == "conv2" and config.conv2_map_normalization:
                x = normalization.MapNormalization(**self._place("cnorm2", tower))(x)
            if row.pooled:
                x = layers.MaxPooling(
                    config.pool_size,
                    config.pool_stride,
                    **self._place(f"pool{number}", tower),
                )(x)
            outputs[tower] = x
        return outputs

    def add_dense(self, row: DenseRow, towers: list) -> list:
        """Fc -> ReLU -> dropout, for each tower."""
        number = row.name.removeprefix("fc")
        outputs = []
        for tower, x in enumerate(self._exchange(number, towers)):
            x = layers.Dense(
                row.units // self.num_towers,
                self.stddevs[row.name],
                row.initial_bias,
                self._next_seed(),
                **self._place(row.name, tower),
            )(x)
            x = layers.Activation(
                self.config.activation, **self._place(f"relu{number}", tower)
            )(x)
            if row.dropout and self.config.dropout_rate:
                x = layers.Dropout(
                    self.config.dropout_rate,
                    self.config.dropout_scaling,
                    self._next_seed(),
                    **self._place(f"drop{number}", tower),
                )(x)
            outputs.append(x)
        return outputs

    def add_logits(self, num_classes: int, towers: list) -> object:
        """fc8, entirely on tower a's device."""
        arguments = self._place(LAST_LAYER, 0)
        arguments["name"] = LAST_LAYER
        return layers.Dense(
            num_classes, self.stddevs[LAST_LAYER], 0.0, self._next_seed(), **arguments
        )(self._exchange("8", towers[:1], towers)[0])

    def _exchange(
        self, number: str, receivers: list, senders: list | None = None
    ) -> list:
        """All towers' outputs for each receiver; one copy per device, not per tower."""
        senders = senders if senders is not None else receivers
        if len(senders) == 1:
            return receivers
        by_device: dict[str | None, object] = {}
        for tower in range(len(receivers)):
            device = self.placement.get_device(tower)
            if device not in by_device:
                arguments = self._place(f"exchange{number}", tower)
                by_device[device] = layers.Exchange(**arguments)(senders)
        return [
            by_device[self.placement.get_device(tower)]
            for tower in range(len(receivers))
        ]

    def _activate(
        self, number: str, towers: list, gradient_follows: bool = False
    ) -> list:
        return [
            layers.Activation(
                self.config.activation,
                gradient_follows,
                **self._place(f"relu{number}", tower),
            )(x)
            for tower, x in enumerate(towers)
        ]

    def _normalize(self, number: str, towers: list, rectified: bool = False) -> list:
        config = self.config
        sees_all = config.normalization_scope == "all"
        inputs = self._exchange(number, towers) if sees_all else towers
        return [
            normalization.LocalResponseNormalization(
                config.normalization,
                config.normalization_radius,
                config.normalization_bias,
                config.normalization_alpha,
                config.normalization_beta,
                share=(tower, len(towers)) if sees_all else (0, 1),
                rectified=rectified,
                **self._place(f"lrn{number}", tower),
            )(x)
            for tower, x in enumerate(inputs)
        ]

    def _place(self, name: str, tower: int) -> dict:
        suffix = TOWER_SUFFIXES[tower] if self.num_towers > 1 else ""
        return {
            "name": name + suffix,
            "device": self.placement.get_device(tower),
            "dtype": self.precision,
        }

    def _next_seed(self) -> tuple[int, int]:
        self.num_seeds += 1
        return self.seed, self.num_seeds


def get_layer_name(name: str) -> str:
    """A layer's name without its tower: "conv1a" -> "conv1", "fc8" -> "fc8"."""
    return name.rstrip(TOWER_SUFFIXES)
