"""The paper's dropout against scaled dropout, at the paper's rate (section 4.2)."""

from __future__ import annotations

from typing import Any

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction, Form

SCALED = Arm("scaled in training", {"model.dropout_scaling": "training"})
_LENGTH = {"num_epochs": 10, "schedule.steps": "", "eval_every_epochs": 1}
COMPARISONS = (
    Comparison(
        *("scaled in training", "paper", Direction.HIGHER, "not in the paper"),
        measure="first_ten_losses",
    ),
    Comparison(
        *("scaled in training", "paper", Direction.HIGHER, "not in the paper"),
        measure="dead_units",
    ),
)
SENTENCE = (
    "The neurons which are 'dropped out' in this way do not contribute to the forward "
    "pass and do not participate in backpropagation. [...] At test time, we use all "
    "the neurons but multiply their outputs by 0.5."
)
REMARK = (
    "Later libraries divide by 1 - rate in training instead, which gives the layers "
    "above four times the curvature at the paper's learning rate of 0.01. The claim, "
    "ours, is that this is why the paper's settings \"don't train\" there: the loss "
    "stays at ln(classes)."
)


def make_form(data: str, minutes: float, **settings: Any) -> Form:
    """Ten epochs on a data set, at the paper's rate, with further settings."""
    return recipes.adapt(
        recipes.REDUCED,
        {**_LENGTH, **settings},
        data=data,
        num_folds=0,
        seeds=(0, 1, 2),
        minutes=minutes,
    )


CLAIM = Claim(
    name="dropout_scaling",
    section="4.2",
    sentence=SENTENCE,
    arms=(Arm("paper"), SCALED),
    comparisons=COMPARISONS,
    reduced=make_form("ilsvrc2012", 12.0),
    full=recipes.FULL,
    remark=f"Ten classes. {REMARK}",
)
