"""Per-layer learning rates, and the interface of a schedule.

The paper (section 5) uses an equal rate for all layers. The authors' source and
fine-tuning do not, so each layer has a rate for its kernel and one for its bias.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from alexnet_tf.config.by_layer import resolve
from alexnet_tf.config.schema import Config


@dataclasses.dataclass(frozen=True)
class LearningRates:
    """Each layer's rates for its kernel and bias at one step, at least 0.

    The layers are in the network's order.
    """

    layer_names: tuple[str, ...]
    kernel: tuple[float, ...]
    bias: tuple[float, ...]

    def to_array(self) -> np.ndarray:
        """The rates as float32 [num_layers, 2]: column 0 kernel, column 1 bias."""
        return np.array([self.kernel, self.bias], np.float32).T


def find_batch_factor(config: Config, epoch: float) -> float:
    """The factor on all rates at `epoch` for large batches (Goyal et al. 2017).

      k = batch_size / scaled_from_batch
      factor = 1 + (k - 1) epoch / warmup_epochs    before warmup_epochs
      factor = k                                    from then on

    1 with `scaled_from_batch` 0, as in the paper.
    """
    schedule = config.schedule
    if not schedule.scaled_from_batch:
        return 1.0
    full = config.batch_size / schedule.scaled_from_batch
    if epoch >= schedule.warmup_epochs:
        return full
    return 1.0 + (full - 1.0) * epoch / schedule.warmup_epochs


class Schedule(abc.ABC):
    """Gives the learning rates of each step, and may end the run.

    Epochs are fractional: step 150 of a run with 100 steps per epoch is at epoch 1.5.
    """

    # True once the schedule ends the run, even before `num_epochs`.
    finished = False

    def __init__(self, config: Config, layer_names: Sequence[str]):
        """Raises `UserError` if a setting names a layer that the network lacks."""
        self.layer_names = tuple(layer_names)
        self._config, self._optimizer = config, config.optimizer
        self._factors = resolve(
            config.optimizer.rate_factors, layer_names, 1, "optimizer.rate_factors"
        )
        self._frozen_until = resolve(
            config.schedule.frozen_until, layer_names, 0, "schedule.frozen_until"
        )

    def rates_at(self, epoch: float) -> LearningRates:
        """The rates of the step that begins at `epoch`.

        A layer's bias has the rate

            bias = 0                                    if kernel = 0
            bias = bias_rate_factor * kernel            if bias_rate_follows
            bias = bias_rate_factor * learning_rate     otherwise

        Kernel and bias rates are multiplied by the layer's factor and by that of large
        batches (see `find_batch_factor`), and are 0 before the epoch at which the layer
        unfreezes. A kernel rate of 0 freezes the whole layer:
        that "conv1 frozen" in the source's notes includes the bias is our reading.
        """
        options = self._optimizer
        kernel, bias = [], []
        batch_factor = find_batch_factor(self._config, epoch)
        rates = self._kernel_rates_at(epoch)
        for name, rate in zip(self.layer_names, rates, strict=True):
            factor = self._factors[name] if epoch >= self._frozen_until[name] else 0.0
            factor *= batch_factor
            follows = options.bias_rate_follows or not rate
            bias_rate = rate if follows else options.learning_rate
            kernel.append(factor * rate)
            bias.append(factor * options.bias_rate_factor * bias_rate)
        return LearningRates(self.layer_names, tuple(kernel), tuple(bias))

    @abc.abstractmethod
    def _kernel_rates_at(self, epoch: float) -> tuple[float, ...]:
        """The kernels' rates for the step that begins at `epoch`."""

    def record_validation(self, epoch: float, top1_error: float) -> str | None:
        """Processes the top-1 error, 0..1, evaluated at `epoch`; here without effect.

        Returns a log line if it has an effect.
        """
        return None

    @abc.abstractmethod
    def set_rate(self, rate: float, layer: str | None = None, *, epoch: float) -> str:
        """Sets the kernels' rate by hand from `epoch` on; returns a log line.

        The rate is at least 0, which freezes; `layer` None means all layers.
        """

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """The schedule's state for a checkpoint, as JSON values."""

    @abc.abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""

    def _describe_setting(self, rate: float, layer: str | None, epoch: float) -> str:
        before = dict(zip(self.layer_names, self._kernel_rates_at(epoch), strict=True))
        old = sorted({before[layer]} if layer else set(before.values()))
        return (
            f"the learning rate of {layer or 'all layers'} was set by hand at epoch "
            f"{epoch:g}, from {' and '.join(f'{r:g}' for r in old)} to {rate:g}."
        )
