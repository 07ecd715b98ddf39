"""Narrower networks (section 7)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="width",
    section="1, 7",
    sentence="All of our experiments suggest that our results can be improved simply "
    "by waiting for faster GPUs and bigger datasets to become available.",
    arms=(
        recipes.PAPER,
        Arm("quarter width", {"model.width": 0.25}),
        Arm("an eighth of the width", {"model.width": 0.125}),
    ),
    comparisons=(
        Comparison("quarter width", "paper", Direction.HIGHER, "no number given"),
        Comparison(
            "an eighth of the width",
            "quarter width",
            Direction.HIGHER,
            "no number given",
        ),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
    remark="The control has half of the paper's width.",
)
