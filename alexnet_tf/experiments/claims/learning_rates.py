"""Equal learning rates for all layers (section 5)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="learning_rates",
    section="5",
    sentence="We used an equal learning rate for all layers, which we adjusted "
    "manually throughout training.",
    arms=(
        recipes.PAPER,
        Arm(
            "the source's biases",
            {
                "optimizer.bias_rate_factor": 2.0,
                "optimizer.bias_rate_follows": False,
                "optimizer.bias_weight_decay": False,
            },
        ),
    ),
    comparisons=(
        Comparison("the source's biases", "paper", Direction.LOWER, "no number given"),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
)
