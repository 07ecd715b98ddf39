"""Two towers against the network of one GPU (section 3.2)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="one_gpu",
    section="3.2",
    sentence="This scheme reduces our top-1 and top-5 error rates by 1.7% and 1.2%, "
    "respectively, as compared with a net with half as many kernels in each "
    "convolutional layer trained on one GPU.",
    arms=(
        recipes.PAPER,
        Arm("one GPU", {"model.network": "one_gpu"}),
    ),
    comparisons=(
        Comparison("one GPU", "paper", Direction.HIGHER, "+1.7 points"),
        Comparison("one GPU", "paper", Direction.HIGHER, "+1.2 points", measure="top5"),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
)
