"""Everything that a run's future depends on, in and out of a checkpoint.

Weights, what the optimizer gathers, dropout's counters, the loss scale, the schedule's
state, the best evaluation, the counts of the epoch and of the log entry under way, and
the step. The position in the data needs nothing else: the batch of a step is a function
of the settings and the step.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.config.schema import Config
from alexnet_tf.devices import placement
from alexnet_tf.evaluation.metrics import ErrorCounts
from alexnet_tf.network import build, layers
from alexnet_tf.network.parameters import (
    assign_arrays,
    list_layer_names,
    list_parameters,
)
from alexnet_tf.optimization.keras_optimizers import make_optimizer
from alexnet_tf.optimization.learning_rates import LearningRates, Schedule
from alexnet_tf.optimization.loss_scale import LossScale
from alexnet_tf.optimization.momentum import Optimizer
from alexnet_tf.optimization.schedule import make_schedule
from alexnet_tf.runs import untrained
from alexnet_tf.runs.checkpoint_files import Checkpoint
from alexnet_tf.stack import keras
from alexnet_tf.training.steps import TrainResult


@dataclasses.dataclass
class RunState:
    """A run between two steps.

    Attributes:
      model: from images to logits.
      optimizer: parameters, rates, and what it gathers.
      loss_scale: 1 except in float16.
      schedule: which rates hold when.
      step: training steps done.
      epoch_counts: the training images of the current epoch, as they were seen.
      log_counts: those since the last log entry.
      unevaluated_epoch: the epoch that ended with this step where a signal came before
        the end of its evaluation; else None.
      saved_step: of the newest checkpoint, or None.
      best_top1_error: smallest so far on the validation split, 0..1; None before the
        first evaluation.
      best_step: the step it belongs to.
      untrained_layers: layers whose weights are still random (see `untrained`).
    """

    model: keras.Model
    optimizer: Optimizer
    loss_scale: LossScale
    schedule: Schedule
    step: int = 0
    epoch_counts: ErrorCounts = dataclasses.field(default_factory=ErrorCounts)
    log_counts: ErrorCounts = dataclasses.field(default_factory=ErrorCounts)
    unevaluated_epoch: int | None = None
    saved_step: int | None = None
    best_top1_error: float | None = None
    best_step: int | None = None
    untrained_layers: tuple[str, ...] = ()

    def count_step(
        self, result: TrainResult, loss: float, batch_size: int, rates: LearningRates
    ) -> None:
        """Counts a step that was done, its errors, and the layers it has trained.

        Args:
          result: of the step.
          loss: its mean loss.
          batch_size: images in its batch.
          rates: of its update.
        """
        if self.untrained_layers and bool(result.is_finite):
            self.untrained_layers = untrained.drop_trained(self.untrained_layers, rates)
        top1_errors, top5_errors = result.errors.numpy()
        for counts in (self.epoch_counts, self.log_counts):
            counts.add(batch_size, top1_errors, top5_errors, loss * batch_size)
        self.step += 1

    def count_evaluation(self, top1_error: float) -> bool:
        """Keeps the smallest validation error; returns whether this one is it."""
        if self.best_top1_error is not None and top1_error >= self.best_top1_error:
            return False
        self.best_top1_error, self.best_step = top1_error, self.step
        return True

    def get_variables(self) -> dict[str, tf.Variable]:
        """What a checkpoint holds as arrays, by name."""
        variables: dict[str, tf.Variable] = {
            "loss_scale/scale": self.loss_scale.scale,
            "loss_scale/good_steps": self.loss_scale.good_steps,
        }
        variables |= self.optimizer.get_variables()
        for layer in self.model.layers:
            if isinstance(layer, layers.Dropout):
                variables[f"dropout/{layer.name}/draws"] = layer.draws
        return variables

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The variables' values, for a checkpoint."""
        return {name: v.numpy() for name, v in self.get_variables().items()}

    def to_json(self) -> dict[str, Any]:
        """The rest of the state, for a checkpoint."""
        return {
            "schedule": self.schedule.state(),
            "epoch_counts": dataclasses.asdict(self.epoch_counts),
            "log_counts": dataclasses.asdict(self.log_counts),
            "unevaluated_epoch": self.unevaluated_epoch,
            "best_top1_error": self.best_top1_error,
            untrained.KEY: list(self.untrained_layers),
        }

    def restore(self, checkpoint: Checkpoint) -> None:
        """Takes everything from `checkpoint`.

        Raises:
          DataError: where its arrays are not exactly this run's, by name and shape.
        """
        assign_arrays(self.get_variables(), checkpoint.arrays, checkpoint.path)
        self.schedule.restore(checkpoint.state["schedule"])
        self.epoch_counts = ErrorCounts(**checkpoint.state["epoch_counts"])
        self.log_counts = ErrorCounts(**checkpoint.state["log_counts"])
        self.unevaluated_epoch = checkpoint.state["unevaluated_epoch"]
        self.best_top1_error = checkpoint.state["best_top1_error"]
        self.best_step = checkpoint.best_step
        self.step = self.saved_step = checkpoint.step
        self.untrained_layers = untrained.read(checkpoint)


def build_run_state(
    config: Config, num_classes: int, where: placement.Placement
) -> RunState:
    """A run at its beginning: first weights, nothing gathered, step 0.

    Raises:
      UserError: where the settings make no network, optimizer or schedule.
      DeviceMemoryError: where weights and what the optimizer gathers do not fit into
        the memory.
    """
    network = build.build_network(config, num_classes, where)
    parameters = list_parameters(network)
    layer_names = list_layer_names(parameters)
    device = where.get_device(0)
    with placement.memory_errors("--config.model.width"):
        optimizer = make_optimizer(parameters, config.optimizer, device)
    return RunState(
        network,
        optimizer,
        LossScale(config.precision, device),
        make_schedule(config, layer_names),
        untrained_layers=layer_names,
    )
