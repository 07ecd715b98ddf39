"""Learning-rate schedules.

The paper (section 5) uses an equal rate for all layers, initially 0.01, and divides it
by ten "when the validation error rate stopped improving with the current learning
rate", three times in all. The authors did this by hand; `PlateauSchedule` automates it.
`FixedSchedule` changes rates at given epochs, for all layers or for one, as in the
notes of the authors' source. With both, rates can also be set by hand on resuming.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alexnet_tf.config import by_layer
from alexnet_tf.config.schema import Config
from alexnet_tf.optimization.learning_rates import Schedule
from tfrecords import errors


class PlateauSchedule(Schedule):
    """Divides the rate when the validation error stops improving (section 5).

    Let e be the top-1 error evaluated at epoch t, b the best error so far (initially
    infinite) and w the epoch from which patience counts (initially 0).

        b - e >= min_improvement and e < b:    b <- e;  w <- t
        otherwise, if t - w >= patience_epochs:
            fewer than max_drops drops so far:  every rate <- rate / factor;  w <- t
            otherwise:                          the run has finished

    So small improvements add up until their sum counts, and each rate gets
    `patience_epochs` before the next drop. Setting a rate by hand restarts the patience
    and a finished run, and does not count as one of the `max_drops`. Later drops divide
    the rate that was set.
    """

    def __init__(self, config: Config, layer_names: Sequence[str]):
        super().__init__(config, layer_names)
        self._options = config.schedule
        self._rates = dict.fromkeys(self.layer_names, config.optimizer.learning_rate)
        self._best_error: float | None = None
        self._waiting_since = 0.0
        self._num_drops = 0

    def _kernel_rates_at(self, epoch: float) -> tuple[float, ...]:
        return tuple(self._rates.values())

    def record_validation(self, epoch: float, top1_error: float) -> str | None:
        best, options = self._best_error, self._options
        if best is None or (
            top1_error < best and best - top1_error >= options.min_improvement
        ):
            self._best_error = top1_error
            self._waiting_since = epoch
            return None
        waited = epoch - self._waiting_since
        if self.finished or waited < options.patience_epochs:
            return None
        plateau = (
            f"the validation error has not improved on {best:.2%} for {waited:g} epochs"
        )
        if self._num_drops == options.max_drops:
            self.finished = True
            return (
                f"{plateau}, and the learning rate has already fallen "
                f"{self._num_drops} times: the run has finished."
            )
        self._num_drops += 1
        self._waiting_since = epoch
        self._rates = {n: rate / options.factor for n, rate in self._rates.items()}
        highest = max(self._rates.values())
        return (
            f"{plateau}: the learning rate falls to {highest:g} (drop "
            f"{self._num_drops} of {options.max_drops})."
        )

    def set_rate(self, rate: float, layer: str | None = None, *, epoch: float) -> str:
        sentence = self._describe_setting(rate, layer, epoch)
        names = [layer] if layer else self.layer_names
        self._rates.update(dict.fromkeys(names, rate))
        self._waiting_since = epoch
        self.finished = False
        return sentence

    def state(self) -> dict[str, Any]:
        return {
            "rates": dict(self._rates),
            "best_error": self._best_error,
            "waiting_since": self._waiting_since,
            "num_drops": self._num_drops,
            "finished": self.finished,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._rates = {name: state["rates"][name] for name in self.layer_names}
        self._best_error = state["best_error"]
        self._waiting_since = state["waiting_since"]
        self._num_drops = state["num_drops"]
        self.finished = state["finished"]


class FixedSchedule(Schedule):
    """Sets the rates listed in `schedule.steps`, at their epochs.

    The changes apply in the order of their epochs; those of one epoch, in the order
    written. A change for all layers also sets frozen layers. Epochs may be fractional
    (the source's net 146 changes at 2.16). A rate set by hand is one more change, at
    the run's current epoch: it applies until the next change.
    """

    def __init__(self, config: Config, layer_names: Sequence[str]):
        super().__init__(config, layer_names)
        for change in config.schedule.steps:
            if change.layer:
                by_layer.check_layer(change.layer, layer_names, "config.schedule.steps")
        self._changes = list(config.schedule.steps)
        self._by_hand: list[by_layer.RateChange] = []

    def _kernel_rates_at(self, epoch: float) -> tuple[float, ...]:
        rates = dict.fromkeys(self.layer_names, self._optimizer.learning_rate)
        # The sort is stable: rates set by hand follow the other changes of their epoch.
        for change in sorted(self._changes + self._by_hand, key=lambda c: c.epoch):
            if change.epoch <= epoch:
                names = [change.layer] if change.layer else self.layer_names
                rates.update(dict.fromkeys(names, change.rate))
        return tuple(rates.values())

    def set_rate(self, rate: float, layer: str | None = None, *, epoch: float) -> str:
        sentence = self._describe_setting(rate, layer, epoch)
        self._by_hand.append(by_layer.RateChange(epoch, rate, layer))
        return sentence

    def state(self) -> dict[str, Any]:
        return {"by_hand": [[c.epoch, c.layer, c.rate] for c in self._by_hand]}

    def restore(self, state: dict[str, Any]) -> None:
        self._by_hand = [
            by_layer.RateChange(epoch, rate, layer)
            for epoch, layer, rate in state["by_hand"]
        ]


def make_schedule(config: Config, layer_names: Sequence[str]) -> Schedule:
    """Makes the schedule of `config.schedule`, at its start; raises `UserError`."""
    kinds = {"plateau": PlateauSchedule, "fixed": FixedSchedule}
    return kinds[config.schedule.name](config, layer_names)


def parse_rate_assignments(
    text: str, layer_names: Sequence[str]
) -> list[tuple[str | None, float]]:
    """Parses the flag that sets rates by hand: `0.001` or `conv1=0.001,fc8=0.01`.

    Returns (layer, rate) in the order written; layer None means all layers. Raises
    `UserError` if a part is neither `RATE` nor `LAYER=RATE`.
    """
    assignments: list[tuple[str | None, float]] = []
    for part in text.split(","):
        try:
            entries = by_layer.parse_numbers(part)
        except ValueError:
            entries = {}
        if len(entries) != 1:
            raise errors.UserError(
                f"the learning rate {part.strip()!r} must be RATE or LAYER=RATE, such "
                "as 0.001 or conv1=0.001,fc8=0.01, with a rate of at least 0."
            )
        for layer, rate in entries.items():
            if layer != by_layer.ALL_LAYERS:
                by_layer.check_layer(
                    layer, layer_names, f"the learning rate {part.strip()!r}"
                )
            assignments.append((None if layer == by_layer.ALL_LAYERS else layer, rate))
    return assignments
