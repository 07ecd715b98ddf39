"""Early stopping of trials that stay at chance level or fall clearly behind.

Both rules read the runs' `metrics.jsonl`, so a trial that resumes after a kill is
judged as if it had not been interrupted. Both are ours; the second is the median rule
of Golovin et al., "Google Vizier" (2017), section 3.2.1, applied to the best error so
far, with a margin for the size of the validation split.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import statistics
from collections.abc import Sequence

from alexnet_tf.runs import run_record
from alexnet_tf.runs.metrics_file import read_lines
from alexnet_tf.training import diagnostics
from tfrecords.plurals import counted

# The median rule needs at least this many other trials at the same epoch.
MIN_OTHERS = 3
# The margin, in standard errors of the median error.
_MARGIN = 2.0


@dataclasses.dataclass(frozen=True)
class History:
    """A run's training losses, nats, and validation top-1 errors, 0..1, by epoch."""

    losses: dict[int, float]
    top1_errors: dict[int, float]

    def find_best(self, until: int | None = None) -> tuple[float, int]:
        """The smallest error up to epoch `until` (None: of all), and its epoch.

        (1.0, 0) if there is no evaluation.
        """
        found = [
            (error, epoch)
            for epoch, error in self.top1_errors.items()
            if until is None or epoch <= until
        ]
        return min(found, default=(1.0, 0))


def read_history(path: str) -> History:
    """The history of the run in `path`, empty before its start; skips damaged lines."""
    history = History({}, {})
    for values in read_lines(os.path.join(path, run_record.METRICS_NAME)):
        with contextlib.suppress(KeyError, TypeError):
            if values["kind"] == "epoch" and values["loss"] is not None:
                history.losses[values["epoch"]] = values["loss"]
            elif values["kind"] == "validation":
                history.top1_errors[values["epoch"]] = values["top1_error"]
    return history


def explain_chance(history: History, num_classes: int, num_epochs: int) -> str | None:
    """A reason to stop after `num_epochs` training losses at ln(classes); 0: never."""
    newest = sorted(history.losses)[-num_epochs:] if num_epochs else []
    losses = [history.losses[epoch] for epoch in newest]
    stays = all(diagnostics.is_at_chance(loss, num_classes) for loss in losses)
    if len(newest) < max(num_epochs, 1) or not stays:
        return None
    return (
        f"stopped early: the training loss stayed at ln({num_classes}) = "
        f"{math.log(num_classes):.3f} for {counted(num_epochs, 'epoch')} "
        "(--chance_epochs)."
    )


def explain_distance(
    history: History,
    others: Sequence[History],
    epoch: int,
    num_validation: int,
    first_epoch: int,
) -> str | None:
    """Returns a reason to stop if a trial is clearly behind the others' median.

    With e the trial's smallest error up to `epoch`, m the median of the same for the n
    other trials that reached this epoch, and v the images in the validation split:

        n >= 3   and   e > m + 2 sqrt(m (1 - m) / v)

    Trials are judged from `first_epoch` on; 0 disables the rule.
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
        f"stopped early: after epoch {epoch} its best top-1 error is {error:.2%}, the "
        f"median of {len(reached)} other trials {median:.2%} (--median_epochs)."
    )
