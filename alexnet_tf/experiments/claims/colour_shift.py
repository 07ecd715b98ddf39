"""The shift of colours along principal components (section 4.1)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="colour_shift",
    section="4.1",
    sentence="This scheme [...] reduces the top-1 error rate by over 1%.",
    arms=(
        recipes.PAPER,
        Arm("no shift", {"data.colour_shift": "none"}),
        Arm("half as strong", {"data.colour_shift_stddev": 0.05}),
        Arm("three times as strong", {"data.colour_shift_stddev": 0.3}),
        Arm("source", {"data.colour_shift": "source"}),
    ),
    comparisons=(
        Comparison("no shift", "paper", Direction.HIGHER, "over +1 point"),
        Comparison("half as strong", "paper", Direction.HIGHER, "no number given"),
        Comparison(
            "three times as strong", "paper", Direction.HIGHER, "no number given"
        ),
        Comparison("source", "paper", Direction.LOWER, "no number given"),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
)
