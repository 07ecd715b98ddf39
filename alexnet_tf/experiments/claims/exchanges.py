"""Where the towers meet (section 3.2)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="exchanges",
    section="3.2",
    sentence="Choosing the pattern of connectivity is a problem for cross-validation, "
    "but this allows us to precisely tune the amount of communication until it is an "
    "acceptable fraction of the amount of computation.",
    arms=(
        recipes.PAPER,
        Arm("net 150 of the source", {"model.network": "late_exchange"}),
        Arm("fc8 alone", {"model.exchange_layers": "fc8"}),
        Arm("fc6 onwards", {"model.exchange_layers": "fc6 fc7 fc8"}),
        Arm(
            "every layer",
            {"model.exchange_layers": "conv2 conv3 conv4 conv5 fc6 fc7 fc8"},
        ),
    ),
    comparisons=(
        Comparison(
            "net 150 of the source", "paper", Direction.HIGHER, "+1.2 points (source)"
        ),
        Comparison("fc8 alone", "paper", Direction.HIGHER, "no number given"),
        Comparison("fc6 onwards", "paper", Direction.HIGHER, "no number given"),
        Comparison("every layer", "paper", Direction.LOWER, "no number given"),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
)
