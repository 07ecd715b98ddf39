"""Builds the network from its table as a Keras functional model.

Two towers, a and b, hold half of the kernels each (paper, section 3.5, figure 2). ReLU
comes first, then response normalization, then pooling (sections 3.3 and 3.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from alexnet_tf.config import by_layer
from alexnet_tf.config.schema import Config, ModelConfig
from alexnet_tf.devices.placement import Placement, memory_errors
from alexnet_tf.devices.workers import ALONE, Workers
from alexnet_tf.network import tables
from alexnet_tf.network.builder import TOWER_SUFFIXES, Builder
from alexnet_tf.network.networks import select
from alexnet_tf.stack import keras
from tfrecords import errors


def build_model(
    num_classes: int,
    config: ModelConfig,
    *,
    crop_size: int = 224,
    seed: int = 0,
    precision: str = "float32",
    placement: Placement | None = None,
    network: tables.Network | None = None,
    workers: Workers = ALONE,
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
      workers: the processes that share every batch.

    Returns:
      A model from float32 [B, crop_size, crop_size, 3] (pixels of 0..255 minus the
      mean) to logits [B, num_classes] in the policy's compute dtype. Layers are named
      conv1a, conv1b, ..., or conv1, ... with a single tower.

    Raises:
      UserError: if the crops are too small for the layers, or a setting names a layer
        that the network lacks.
    """
    network = select(config, network)
    _check_crop_size(network.rows, config, crop_size)
    rows = tables.scale_rows(network.rows, config.width, network.num_towers)
    stddevs = _choose_stddevs(config, network, rows)
    builder = Builder(
        config,
        stddevs,
        seed,
        precision,
        placement or Placement(),
        network.num_towers,
        workers,
    )
    images = keras.Input((crop_size, crop_size, 3), name="images", dtype="float32")
    towers = builder.copy_images(images)
    for row in rows:
        if isinstance(row, tables.ConvolutionRow):
            towers = builder.add_convolution(row, towers)
        elif isinstance(row, tables.SubsamplingRow):
            towers = builder.add_subsampling(row, towers)
        else:
            towers = builder.add_dense(row, towers)
    logits = builder.add_logits(network.last, num_classes, towers)
    return keras.Model(images, logits, name="alexnet")


def build_network(
    config: Config, num_classes: int, where: Placement, workers: Workers = ALONE
) -> keras.Model:
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
            workers=workers,
        )


def _choose_stddevs(
    config: ModelConfig, full: tables.Network, rows: Sequence[tables.Row]
) -> dict[str, float]:
    """The standard deviation of each layer's initial kernels.

    In a network narrower than the paper's, units sum over fewer inputs, so

        stddev = the setting's * sqrt(inputs at full width / inputs)

    keeps the scale of the activations (ours; at full width nothing changes).
    """
    stddevs = by_layer.resolve(
        config.initial_stddevs, full.layers, -1, "model.initial_stddevs"
    )
    ratios = tables.compare_inputs(full.rows, rows)
    for name, ratio in zip(full.layers, ratios, strict=True):
        stddev = config.initial_stddev
        if name in ("conv3", "conv4", "conv5"):
            stddev = config.initial_stddev_conv345
        if stddevs[name] >= 0:
            stddev = stddevs[name]
        if config.initial_scaling == "inputs":
            stddev *= math.sqrt(ratio)
        stddevs[name] = stddev
    return stddevs


def _check_crop_size(
    rows: Sequence[tables.Row], config: ModelConfig, crop_size: int
) -> None:
    side = crop_size
    for row in rows:
        if isinstance(row, tables.DenseRow):
            continue
        if isinstance(row, tables.ConvolutionRow):
            side = (side + sum(row.padding) - row.size) // row.stride + 1
        missing = row.name if side < 1 else ""
        if row.pooled:
            left = side - config.pool_size
            up = config.pool_rounding == "up" and left >= 0
            side = (left + (config.pool_stride - 1) * up) // config.pool_stride + 1
        if side < 1:
            missing = missing or f"pool{''.join(filter(str.isdigit, row.name))}"
            raise errors.UserError(
                f"crops of {crop_size} pixels are too small for the network: "
                f"{missing} would have no output. Give a larger "
                "--config.data.crop_size (the paper's is 224); convert larger images "
                "if necessary."
            )


def get_layer_name(name: str) -> str:
    """A layer's name without its tower: "conv1a" -> "conv1", "fc8" -> "fc8"."""
    return name.rstrip(TOWER_SUFFIXES)
