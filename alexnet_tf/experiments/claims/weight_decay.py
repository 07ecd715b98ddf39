"""Weight decay lowers the training error (section 5)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="weight_decay",
    section="5",
    sentence="We found that this small amount of weight decay was important for the "
    "model to learn. In other words, weight decay here is not merely a regularizer: "
    "it reduces the model's training error.",
    arms=(
        recipes.PAPER,
        Arm("no weight decay", {"optimizer.weight_decay": 0.0}),
    ),
    comparisons=(
        Comparison(
            "no weight decay",
            "paper",
            Direction.HIGHER,
            "no number given",
            measure="training_top1",
        ),
        Comparison("no weight decay", "paper", Direction.HIGHER, "no number given"),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
)
