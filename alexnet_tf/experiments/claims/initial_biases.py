"""Initial biases of 1 speed up early learning (section 5)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="initial_biases",
    section="5",
    sentence="This initialization accelerates the early stages of learning by "
    "providing the ReLUs with positive inputs.",
    arms=(
        recipes.PAPER,
        Arm(
            "biases of 0",
            {"model.initial_biases": "conv2=0 conv4=0 conv5=0 fc6=0 fc7=0"},
        ),
    ),
    comparisons=(
        Comparison(
            "biases of 0",
            "paper",
            Direction.HIGHER,
            "no number given",
            measure="early_loss",
        ),
        Comparison("biases of 0", "paper", Direction.HIGHER, "no number given"),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
)
