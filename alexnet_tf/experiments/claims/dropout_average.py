"""Half of every output against thinned networks (section 4.2)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Claim, Comparison, Direction

CLAIM = Claim(
    name="dropout_average",
    section="4.2",
    sentence="At test time, we use all the neurons but multiply their outputs by 0.5, "
    "which is a reasonable approximation to taking the geometric mean of the "
    "predictive distributions produced by the exponentially-many dropout networks.",
    arms=(recipes.PAPER,),
    comparisons=(
        Comparison(
            "paper",
            "paper",
            Direction.LOWER,
            "a reasonable approximation",
            measure="thinned_divergence",
        ),
        Comparison(
            "paper",
            "paper",
            Direction.LOWER,
            "no number given",
            measure="thinned_error",
        ),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
    remark="Measured on each run's own held-out images, centre views, with 64 drawn "
    "masks. The first comparison asks whether the network's prediction is nearer to "
    "the geometric mean than a single thinned network's is.",
)
