"""Loads a run's network with a checkpoint's weights, for all uses but training."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools

import numpy as np
import tensorflow as tf

from alexnet_tf.config.schema import Config
from alexnet_tf.devices import placement, precision
from alexnet_tf.network import normalization
from alexnet_tf.network.build import build_network
from alexnet_tf.network.parameters import list_weights, load_weights
from alexnet_tf.runs import checkpoint as checkpoint_lib
from alexnet_tf.runs import data_summary, run_record
from alexnet_tf.runs.checkpoint_files import Checkpoint
from alexnet_tf.runs.data_summary import TrainingData
from alexnet_tf.stack import keras


@dataclasses.dataclass(frozen=True)
class TrainedNetwork:
    """A run's trained network, with the checkpoint that its weights come from.

    The config has the precision that was requested. The model goes from float32
    [B, crop, crop, 3], mean subtracted, to logits.
    """

    config: Config
    training_data: TrainingData
    checkpoint: Checkpoint
    model: keras.Model


@placement.memory_errors("network")
def load(
    workdir_path: str,
    which: str | int = "last",
    where: placement.Placement | None = None,
    precision_policy: str | None = None,
    fastest: bool = False,
) -> TrainedNetwork:
    """Builds a run's network with a checkpoint's weights: "last", "best" or a step.

    By default TensorFlow chooses the devices, and the precision is that of training.
    The `fastest` network for this machine cannot be saved: it has training's
    normalization, which may need XLA (the portable one is equal up to rounding), and
    `cast_weights`.

    Raises:
      UserError: if there is no such run or checkpoint.
      DataError: if a file in the directory is damaged.
      DeviceMemoryError: if the weights do not fit into memory.
    """
    config = run_record.read_config(workdir_path)
    precision.set_reproducible(config.reproducible)
    kept = data_summary.load(workdir_path)
    checkpoint = checkpoint_lib.load(
        run_record.get_checkpoints_dir(workdir_path), which
    )
    if precision_policy:
        config = dataclasses.replace(
            config, precision=precision.choose_precision(precision_policy).precision
        )
    if fastest:
        config = _cast(config)
    buildable = config if fastest else _make_portable(config)
    model = build_network(buildable, len(kept.classes), where or placement.Placement())
    load_weights(model, checkpoint.arrays, checkpoint.path)
    return TrainedNetwork(config, kept, checkpoint, model)


def compute_identity(network: TrainedNetwork) -> str:
    """SHA-256 of all that determines the network's answers but its settings.

    The weights as they are now and the mean image, in hexadecimal: equal for a run's
    checkpoint on every machine, different for any other checkpoint.
    """
    digest = hashlib.sha256()
    weights = (each.variable.numpy() for each in list_weights(network.model))
    mean_image = network.training_data.statistics.mean_image
    for array in itertools.chain(weights, [mean_image]):
        digest.update(f"{array.dtype.name} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


def cast_weights(network: TrainedNetwork) -> TrainedNetwork:
    """Returns the same portable network with weights stored in its compute dtype.

    In mixed precision every call first casts 61 million float32 weights, which for one
    image takes longer than everything else. The results are the same, bit for bit. The
    network's current weights are used, not its checkpoint's.
    """
    buildable = _cast(_make_portable(network.config))
    if buildable.precision == network.config.precision:
        return network
    num_classes = len(network.training_data.classes)
    model = build_network(buildable, num_classes, placement.Placement())
    pairs = zip(list_weights(model), list_weights(network.model), strict=True)
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
