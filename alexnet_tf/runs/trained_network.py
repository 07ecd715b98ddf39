"""A run's network with a checkpoint's weights, for everything but training."""

from __future__ import annotations

import dataclasses
import os

import tensorflow as tf

from alexnet_tf.config.schema import Config
from alexnet_tf.devices import placement, precision
from alexnet_tf.network import normalization
from alexnet_tf.network.build import build_network
from alexnet_tf.network.parameters import list_parameters, load_weights
from alexnet_tf.runs import checkpoint as checkpoint_lib
from alexnet_tf.runs import data_summary, run_record
from alexnet_tf.runs.data_summary import TrainingData
from alexnet_tf.stack import keras


@dataclasses.dataclass(frozen=True)
class TrainedNetwork:
    """What a run has made.

    Attributes:
      config: of the run; its precision is the arithmetic asked for.
      training_data: the statistics and classes it was trained with.
      checkpoint: where the weights are from.
      model: from float32 [B, crop, crop, 3], mean subtracted, to logits.
    """

    config: Config
    training_data: TrainingData
    checkpoint: checkpoint_lib.Checkpoint
    model: keras.Model


@placement.memory_errors("network")
def load(
    workdir_path: str,
    which: str | int = "last",
    where: placement.Placement | None = None,
    precision_policy: str | None = None,
    fastest: bool = False,
) -> TrainedNetwork:
    """Builds the network of a run and gives it the weights of a checkpoint.

    Args:
      workdir_path: the run's directory.
      which: "last", "best" or a step.
      where: the towers' devices; TensorFlow chooses where none is given.
      precision_policy: the arithmetic, or None for that of the training.
      fastest: whether to build what is fastest here, but not to be saved: with the
        normalization of training, which may need a compiler (the other one is equal
        up to rounding), and `cast_weights`.

    Raises:
      UserError: where there is no such run or checkpoint.
      DataError: where something in the directory is damaged.
      DeviceMemoryError: where the weights do not fit into the memory.
    """
    precision.make_reproducible()
    config = run_record.read_config(workdir_path)
    kept = data_summary.load(workdir_path)
    checkpoint = checkpoint_lib.load(
        os.path.join(workdir_path, run_record.CHECKPOINTS_NAME), which
    )
    if precision_policy:
        config = dataclasses.replace(
            config,
            precision=precision.choose_precision(precision_policy).precision,
        )
    if fastest:
        config = _cast(config)
    buildable = config if fastest else _make_portable(config)
    model = build_network(buildable, len(kept.classes), where or placement.Placement())
    load_weights(model, checkpoint.arrays, checkpoint.path)
    return TrainedNetwork(config, kept, checkpoint, model)


def cast_weights(network: TrainedNetwork) -> TrainedNetwork:
    """The same portable network, with weights of the type that it computes in.

    In mixed precision every call casts 61 million weights from float32 first, which for
    one image takes longer than all the rest. The answers are the same, bit for bit.

    Args:
      network: portable; what it holds counts, not its checkpoint.
    """
    buildable = _cast(_make_portable(network.config))
    if buildable.precision == network.config.precision:
        return network
    num_classes = len(network.training_data.classes)
    model = build_network(buildable, num_classes, placement.Placement())
    pairs = zip(list_parameters(model), list_parameters(network.model), strict=True)
    for cast, kept in pairs:
        cast.variable.assign(tf.cast(kept.variable, cast.variable.dtype))
    return dataclasses.replace(network, model=model)


def _cast(config: Config) -> Config:
    policy = config.precision.removeprefix("mixed_")
    return dataclasses.replace(config, precision=policy)


def _make_portable(config: Config) -> Config:
    method = normalization.make_portable(config.model.normalization)
    settings = dataclasses.replace(config.model, normalization=method)
    return dataclasses.replace(config, model=settings)
