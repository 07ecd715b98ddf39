"""Each layer's learning rate at a moment, and what a schedule of them must know.

The paper (section 5) has an equal rate for all layers; the authors' source and
fine-tuning do not, so that rates are held by layer, kernel and bias apart.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from alexnet_tf.config.by_layer import resolve
from alexnet_tf.config.schema import OptimizerConfig, ScheduleConfig


@dataclasses.dataclass(frozen=True)
class LearningRates:
    """Each layer's rate for its kernel and for its bias, at one moment.

    Attributes:
      layer_names: the layers, in the network's order.
      kernel: each layer's rate for its kernel, at least 0.
      bias: the same for its bias.
    """

    layer_names: tuple[str, ...]
    kernel: tuple[float, ...]
    bias: tuple[float, ...]

    def to_array(self) -> np.ndarray:
        """The rates as float32 [num_layers, 2]: column 0 kernel, column 1 bias."""
        return np.array([self.kernel, self.bias], np.float32).T


class Schedule(abc.ABC):
    """What `train` asks: the rates now, and whether the run has ended.

    Epochs are fractions: step 150 of a run with 100 steps an epoch is at 1.5.
    """

    def __init__(
        self,
        optimizer: OptimizerConfig,
        schedule: ScheduleConfig,
        layer_names: Sequence[str],
    ):
        """Reads the settings `optimizer.rate_factors` and `schedule.frozen_until`.

        Raises:
          UserError: where they name a layer that the network lacks.
        """
        self.layer_names = tuple(layer_names)
        self._optimizer = optimizer
        self._factors = resolve(
            optimizer.rate_factors, layer_names, 1, "optimizer.rate_factors"
        )
        self._frozen_until = resolve(
            schedule.frozen_until, layer_names, 0, "schedule.frozen_until"
        )

    @property
    def finished(self) -> bool:
        """Whether the schedule itself ends the run, whatever `num_epochs` says."""
        return False

    def rates_at(self, epoch: float) -> LearningRates:
        """The rates of the step that begins at `epoch`.

        A layer's bias has the rate

            bias = 0                                    if kernel = 0
            bias = bias_rate_factor * kernel            if bias_rate_follows
            bias = bias_rate_factor * learning_rate     otherwise

        all times the layer's factor, and 0 before the epoch until which it is frozen.
        Rate 0 freezes a layer, its bias with it: "conv1 frozen" in the source's
        notes (that a frozen layer's bias rests too is our reading of them).
        """
        options = self._optimizer
        kernel, bias = [], []
        rates = self._kernel_rates_at(epoch)
        for name, rate in zip(self.layer_names, rates, strict=True):
            factor = self._factors[name] if epoch >= self._frozen_until[name] else 0.0
            follows = options.bias_rate_follows or not rate
            bias_rate = rate if follows else options.learning_rate
            kernel.append(factor * rate)
            bias.append(factor * options.bias_rate_factor * bias_rate)
        return LearningRates(self.layer_names, tuple(kernel), tuple(bias))

    @abc.abstractmethod
    def _kernel_rates_at(self, epoch: float) -> tuple[float, ...]:
        """The kernels' rates of the step that begins at `epoch`."""

    @abc.abstractmethod
    def record_validation(self, epoch: float, top1_error: float) -> str | None:
        """Takes an evaluation's result; returns a sentence if the rate changed.

        Args:
          epoch: where the run stood when it was evaluated.
          top1_error: on the validation split, a fraction of 1.
        """

    @abc.abstractmethod
    def set_rate(self, rate: float, layer: str | None = None, *, epoch: float) -> str:
        """Sets a rate by hand; returns a sentence for the log.

        Args:
          rate: for the kernels, at least 0; 0 freezes.
          layer: one of `layer_names`; None for all of them.
          epoch: where the run stands; the rate holds from here on.
        """

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold of the schedule, as JSON values."""

    @abc.abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""

    def _describe_setting(self, rate: float, layer: str | None, epoch: float) -> str:
        before = dict(zip(self.layer_names, self._kernel_rates_at(epoch), strict=True))
        old = sorted({before[layer]} if layer else set(before.values()))
        return (
            f"the learning rate of {layer or 'all layers'} is set by hand at epoch "
            f"{epoch:g}, from {' and '.join(f'{r:g}' for r in old)} to {rate:g}."
        )
