"""The complete state of a run, saved to and restored from a checkpoint.

It consists of the weights, the optimizer's variables, the dropout counters, the loss
scale, the schedule's state, the best evaluation, the counts of the current epoch and
log entry, and the step. The data position needs no state of its own: the settings and
the step determine each batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.config.schema import Config
from alexnet_tf.devices import placement
from alexnet_tf.devices.collectives import Collectives
from alexnet_tf.devices.workers import ALONE, Workers
from alexnet_tf.evaluation.metrics import ErrorCounts
from alexnet_tf.network import build, layers
from alexnet_tf.network.parameters import (
    assign_arrays,
    list_layer_names,
    list_parameters,
    list_statistics,
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
    """A run between two steps."""

    model: keras.Model  # from images to logits
    optimizer: Optimizer  # parameters, rates and the rule's own variables
    loss_scale: LossScale  # 1 except in float16
    schedule: Schedule  # the learning rates over time
    step: int = 0  # training steps done
    # Errors and loss of the current epoch's training images, each counted at the step
    # that used it; and the same since the last log entry.
    epoch_counts: ErrorCounts = dataclasses.field(default_factory=ErrorCounts)
    log_counts: ErrorCounts = dataclasses.field(default_factory=ErrorCounts)
    # The epoch that ended with this step, if a signal aborted its evaluation.
    unevaluated_epoch: int | None = None
    saved_step: int | None = None  # of the newest checkpoint
    # Smallest validation error so far, 0..1; None before the first evaluation.
    best_top1_error: float | None = None
    best_step: int | None = None  # of that evaluation
    # Layers whose weights are still random (see `untrained`).
    untrained_layers: tuple[str, ...] = ()

    def count_step(
        self, result: TrainResult, loss: float, batch_size: int, rates: LearningRates
    ) -> None:
        """Counts a step, its errors and mean loss, and the layers that it trained."""
        if self.untrained_layers and bool(result.is_finite):
            self.untrained_layers = untrained.drop_trained(self.untrained_layers, rates)
        top1_errors, top5_errors = result.errors.numpy()
        for counts in (self.epoch_counts, self.log_counts):
            counts.add(batch_size, top1_errors, top5_errors, loss * batch_size)
        self.step += 1

    def count_evaluation(self, top1_error: float) -> bool:
        """Records the error if it is the smallest so far; returns whether it is."""
        if self.best_top1_error is not None and top1_error >= self.best_top1_error:
            return False
        self.best_top1_error, self.best_step = top1_error, self.step
        return True

    def get_variables(self) -> dict[str, tf.Variable]:
        """The variables that a checkpoint stores as arrays, by name."""
        variables: dict[str, tf.Variable] = {
            "loss_scale/scale": self.loss_scale.scale,
            "loss_scale/good_steps": self.loss_scale.good_steps,
        }
        variables |= self.optimizer.get_variables()
        for layer in self.model.layers:
            if isinstance(layer, layers.Dropout):
                variables[f"dropout/{layer.name}/draws"] = layer.draws
        for statistic in list_statistics(self.model):
            variables[f"weights/{statistic.name}"] = statistic.variable
        return variables

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The variables' values, for a checkpoint."""
        return {name: v.numpy() for name, v in self.get_variables().items()}

    def to_json(self) -> dict[str, Any]:
        """The rest of the state, as JSON values, for a checkpoint."""
        return {
            "schedule": self.schedule.state(),
            "epoch_counts": dataclasses.asdict(self.epoch_counts),
            "log_counts": dataclasses.asdict(self.log_counts),
            "unevaluated_epoch": self.unevaluated_epoch,
            "best_top1_error": self.best_top1_error,
            untrained.KEY: list(self.untrained_layers),
        }

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restores the whole state; raises `DataError` if names or shapes differ."""
        assign_arrays(self.get_variables(), checkpoint.arrays, checkpoint.path)
        self._restore_json(checkpoint.state)
        self.best_step = checkpoint.best_step
        self.step = self.saved_step = checkpoint.step

    def share(self, collectives: Collectives) -> None:
        """Gives every worker the chief's state."""
        for variable in self.get_variables().values():
            variable.assign(collectives.share(variable.numpy()))
        values = collectives.share_json(
            {
                "state": self.to_json(),
                "step": self.step,
                "saved_step": self.saved_step,
                "best_step": self.best_step,
            }
        )
        self._restore_json(values["state"])
        self.step, self.saved_step = values["step"], values["saved_step"]
        self.best_step = values["best_step"]

    def _restore_json(self, state: Mapping[str, Any]) -> None:
        self.schedule.restore(state["schedule"])
        self.epoch_counts = ErrorCounts(**state["epoch_counts"])
        self.log_counts = ErrorCounts(**state["log_counts"])
        self.unevaluated_epoch = state["unevaluated_epoch"]
        self.best_top1_error = state["best_top1_error"]
        self.untrained_layers = tuple(state.get(untrained.KEY, ()))


def build_run_state(
    config: Config,
    num_classes: int,
    where: placement.Placement,
    workers: Workers = ALONE,
) -> RunState:
    """The state at step 0: initial weights, and optimizer variables at zero.

    Raises:
      UserError: if the settings describe no valid network, optimizer or schedule.
      DeviceMemoryError: if weights and optimizer variables do not fit into memory.
    """
    network = build.build_network(config, num_classes, where, workers)
    parameters = list_parameters(network)
    layer_names = list_layer_names(parameters)
    device = where.get_shared_device()
    with placement.memory_errors("--config.model.width"):
        optimizer = make_optimizer(parameters, config.optimizer, device)
    return RunState(
        network,
        optimizer,
        LossScale(config.precision, device),
        make_schedule(config, layer_names),
        untrained_layers=layer_names,
    )
