"""Fewer images (sections 1 and 7)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="data_size",
    section="1, 7",
    sentence="To improve their performance, we can collect larger datasets, learn "
    "more powerful models, and use better techniques for preventing overfitting.",
    arms=(
        recipes.PAPER,
        Arm(
            "half of the images",
            {
                "data.fraction": 0.5,
                "num_epochs": 72,
                "schedule.steps": "54:0.001 64:0.0001",
                "eval_every_epochs": 4,
            },
        ),
    ),
    comparisons=(
        Comparison("half of the images", "paper", Direction.HIGHER, "no number given"),
        Comparison(
            "half of the images",
            "paper",
            Direction.HIGHER,
            "no number given",
            measure="gap",
        ),
    ),
    reduced=recipes.REDUCED,
    full=recipes.REDUCED,
    remark="Half of the images are seen twice as often: all arms make equally many "
    "steps.",
)
