"""Dropout (section 4.2)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="dropout",
    section="4.2",
    sentence="Without dropout, our network exhibits substantial overfitting. Dropout "
    "roughly doubles the number of iterations required to converge.",
    arms=(
        recipes.PAPER,
        Arm("no dropout", {"model.dropout_rate": 0.0}),
    ),
    comparisons=(
        Comparison(
            "no dropout",
            "paper",
            Direction.HIGHER,
            "substantial overfitting",
            measure="gap",
        ),
        Comparison("no dropout", "paper", Direction.HIGHER, "no number given"),
        Comparison(
            "paper",
            "no dropout",
            Direction.HIGHER,
            "about 2 times",
            measure="epochs_to_40_validation",
        ),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
)
