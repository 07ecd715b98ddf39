"""Ten views against the centre view (section 4.1)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Claim, Comparison, Direction

CLAIM = Claim(
    name="ten_views",
    section="4.1",
    sentence="The network makes a prediction by extracting five 224 x 224 patches "
    "[...] as well as their horizontal reflections [...], and averaging the "
    "predictions made by the network's softmax layer on the ten patches.",
    arms=(recipes.PAPER,),
    comparisons=(
        Comparison(
            "paper",
            "paper",
            Direction.LOWER,
            "-1.5 points (table 1 and the source: 37.5 against 39.0)",
            measure="views_top1",
        ),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
)
