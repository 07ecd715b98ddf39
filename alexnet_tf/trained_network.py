"""A run's network with a checkpoint's weights, for everything but training."""

from __future__ import annotations

import dataclasses
import os

from alexnet_tf import checkpoint as checkpoint_lib
from alexnet_tf import (
    normalization,
    placement,
    precision,
    run_state,
    training_data,
    workdir,
)
from alexnet_tf.config import Config
from alexnet_tf.stack import keras
from alexnet_tf.training_data import TrainingData


@dataclasses.dataclass(frozen=True)
class TrainedNetwork:
    """What a run has made.

    Attributes:
      config: of the run.
      training_data: the statistics and classes it was trained with.
      checkpoint: where the weights are from.
      model: from float32 [B, crop, crop, 3], mean subtracted, to logits.
    """

    config: Config
    training_data: TrainingData
    checkpoint: checkpoint_lib.Checkpoint
    model: keras.Model


def load(
    workdir_path: str,
    which: str | int = "last",
    where: placement.Placement | None = None,
    precision_policy: str | None = None,
    portable: bool = True,
) -> TrainedNetwork:
    """Builds the network of a run and gives it the weights of a checkpoint.

    Args:
      workdir_path: the run's directory.
      which: "last", "best" or a step.
      where: the towers' devices; TensorFlow chooses where none is given.
      precision_policy: the arithmetic, or None for that of the training.
      portable: whether the network must run where there is no compiler, as an export
        must; its normalization is then another one, equal up to rounding.

    Raises:
      UserError: where there is no such run or checkpoint.
      DataError: where something in the directory is damaged.
    """
    precision.make_reproducible()
    config = workdir.read_config(workdir_path)
    kept = training_data.load(workdir_path)
    checkpoint = checkpoint_lib.load(
        os.path.join(workdir_path, workdir.CHECKPOINTS_NAME), which
    )
    if precision_policy:
        config = dataclasses.replace(
            config, precision=precision.resolve_precision(precision_policy)
        )
    settings = config.model
    if portable:
        method = normalization.make_portable(settings.normalization)
        settings = dataclasses.replace(settings, normalization=method)
    model = run_state.build_network(
        dataclasses.replace(config, model=settings),
        len(kept.classes),
        where or placement.Placement(),
    )
    run_state.load_weights(model, checkpoint)
    return TrainedNetwork(config, kept, checkpoint, model)
