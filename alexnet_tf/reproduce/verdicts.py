"""The verdict on a claim: a rule that is fixed before anything is run (ours).

  reproduced            the interval excludes 0, on the side that the paper states
  contradicted          it excludes 0 on the other side
  not distinguishable   it holds 0, or fewer folds were run than planned
  not run               there is no difference, for a reason that is given

A verdict is read at the planned number of folds: stopping early never decides it. It
holds within its scope only: a few classes say nothing about a thousand.
"""

from __future__ import annotations

import dataclasses
import enum

from alexnet_tf.experiments.claims.claim import Direction
from alexnet_tf.reproduce.differences import Difference
from alexnet_tf.reproduce.measures import Measure


class Scope(enum.Enum):
    """What a verdict is about."""

    PAPER = "paper scale"
    REDUCED = "reduced"
    ARITHMETIC = "arithmetic only"


class Word(enum.Enum):
    """The verdict itself."""

    REPRODUCED = "reproduced"
    CONTRADICTED = "contradicted"
    NOT_DISTINGUISHABLE = "not distinguishable"
    NOT_RUN = "not run"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A verdict with its scope and the sentence that justifies it."""

    word: Word
    scope: Scope
    reason: str

    def format(self) -> str:
        """One line: "reproduced (reduced): ..."."""
        return f"{self.word.value} ({self.scope.value}): {self.reason}"


def judge(
    difference: Difference | None,
    measure: Measure,
    direction: Direction,
    scope: Scope,
    planned_folds: int,
    reason_not_run: str = "",
) -> Verdict:
    """Applies the rule.

    Args:
      difference: the measurement; None if there is none.
      measure: what was measured.
      direction: the paper's.
      scope: of the runs.
      planned_folds: folds at which the verdict is read.
      reason_not_run: why there is no measurement, as a clause.
    """
    if difference is None:
        return Verdict(Word.NOT_RUN, scope, f"because {reason_not_run}")
    num_folds = len(difference.by_fold)
    measured = measure.format(difference)
    if num_folds < planned_folds:
        reason = f"{measured}; interim, {num_folds} of {planned_folds} runs"
        return Verdict(Word.NOT_DISTINGUISHABLE, scope, reason)
    if difference.low <= 0 <= difference.high:
        return Verdict(Word.NOT_DISTINGUISHABLE, scope, measured)
    agrees = (difference.pooled > 0) == (direction is Direction.HIGHER)
    word = Word.REPRODUCED if agrees else Word.CONTRADICTED
    return Verdict(word, scope, measured)
