"""Overlapping pooling (section 3.4)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="pooling",
    section="3.4",
    sentence="This scheme reduces the top-1 and top-5 error rates by 0.4% and 0.3%, "
    "respectively, as compared with the non-overlapping scheme s = 2, z = 2, which "
    "produces output of equivalent dimensions. [...] models with overlapping pooling "
    "find it slightly more difficult to overfit.",
    arms=(
        recipes.PAPER,
        Arm("2x2 pooling", {"model.pool_size": 2}),
    ),
    comparisons=(
        Comparison("2x2 pooling", "paper", Direction.HIGHER, "+0.4 points"),
        Comparison(
            "2x2 pooling", "paper", Direction.HIGHER, "+0.3 points", measure="top5"
        ),
        Comparison(
            "2x2 pooling", "paper", Direction.HIGHER, "no number given", measure="gap"
        ),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
)
