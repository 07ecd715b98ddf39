"""Trials not worth their time: standing at chance, or clearly behind the others.

Both rules read what the runs have written, `metrics.jsonl`, so that a trial that goes
on after a kill is judged as if nothing had happened. Both are ours; the second is the
median rule of Golovin et al., "Google Vizier" (2017), section 3.2.1, with the best
error so far on both sides and a margin for the size of the validation split.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import statistics
from collections.abc import Sequence

from alexnet_tf.runs import run_record
from alexnet_tf.training import diagnostics

# As many trials must have come that far before their median says anything.
MIN_OTHERS = 3
# Standard errors of the median's share of wrong images that are no clear distance.
_MARGIN = 2.0


@dataclasses.dataclass(frozen=True)
class History:
    """What a run has measured.

    Attributes:
      losses: epoch -> mean training loss, nats.
      top1_errors: epoch -> top-1 error on the validation split, 0..1.
    """

    losses: dict[int, float]
    top1_errors: dict[int, float]

    def find_best(self, until: int | None = None) -> tuple[float, int]:
        """The smallest error of the epochs up to `until` (all), and its epoch.

        Without an evaluation: (1.0, 0).
        """
        found = [
            (error, epoch)
            for epoch, error in self.top1_errors.items()
            if until is None or epoch <= until
        ]
        return min(found, default=(1.0, 0))


def read_history(path: str) -> History:
    """The history of the run in `path`, empty where it has not begun.

    A line that a kill cut short, or that is damaged, is passed over.
    """
    history = History({}, {})
    try:
        with open(os.path.join(path, run_record.METRICS_NAME), "rb") as file:
            lines = file.readlines()
    except FileNotFoundError:
        return history
    for line in lines:
        try:
            values = json.loads(line)
            if values["kind"] == "epoch" and values["loss"] is not None:
                history.losses[values["epoch"]] = values["loss"]
            elif values["kind"] == "validation":
                history.top1_errors[values["epoch"]] = values["top1_error"]
        except (ValueError, KeyError, TypeError):
            continue
    return history


def explain_chance(history: History, num_classes: int, num_epochs: int) -> str | None:
    """A sentence where the newest epochs' training losses all stand at ln(classes).

    Args:
      history: of the trial.
      num_classes: of the data.
      num_epochs: how many epochs must stand there; 0 for a rule that never holds.
    """
    newest = sorted(history.losses)[-num_epochs:] if num_epochs else []
    if len(newest) < max(num_epochs, 1):
        return None
    if not all(
        diagnostics.is_at_chance(history.losses[epoch], num_classes) for epoch in newest
    ):
        return None
    return (
        f"given up: the training loss stood at ln({num_classes}) = "
        f"{math.log(num_classes):.3f} for {num_epochs} epochs (--chance_epochs)."
    )


def explain_distance(
    history: History,
    others: Sequence[History],
    epoch: int,
    num_validation: int,
    first_epoch: int,
) -> str | None:
    """A sentence where a trial is clearly behind the median of the others.

    With e the trial's smallest error up to `epoch`, m the median of the same of the n
    others that came as far, and v the images in the validation split:

        n >= 3   and   e > m + 2 sqrt(m (1 - m) / v)

    Args:
      history: of the trial.
      others: of the trials that have ended.
      epoch: where the trial stands.
      num_validation: v.
      first_epoch: before it nobody is judged; 0 for a rule that never holds.
    """
    if not first_epoch or epoch < first_epoch:
        return None
    reached = [
        other.find_best(epoch)[0]
        for other in others
        if max(other.top1_errors, default=0) >= epoch
    ]
    if len(reached) < MIN_OTHERS:
        return None
    median = statistics.median(reached)
    margin = _MARGIN * math.sqrt(median * (1 - median) / num_validation)
    error, _ = history.find_best(epoch)
    if error <= median + margin:
        return None
    return (
        f"given up: after epoch {epoch} its best top-1 error is {error:.2%}, the "
        f"median of {len(reached)} other trials {median:.2%} (--median_epochs)."
    )
