"""Five networks averaged (section 6)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Claim, Comparison, Direction

CLAIM = Claim(
    name="ensemble",
    section="6",
    sentence="Averaging the predictions of five similar CNNs gives an error rate of "
    "16.4%.",
    arms=(recipes.PAPER,),
    comparisons=(
        Comparison(
            "paper",
            "paper",
            Direction.LOWER,
            "-2.6 points top-1, -1.8 top-5 (table 2)",
            measure="five_networks",
        ),
    ),
    reduced=recipes.SEEDS,
    full=recipes.FULL_SEEDS,
    remark="Five seeds on the first fold; the average of their ten-view predictions "
    "is compared with the mean error of the five.",
)
