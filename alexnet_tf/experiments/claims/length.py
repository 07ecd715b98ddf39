"""Longer training (section 7)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="length",
    section="7",
    sentence="Our results have improved as we have made our network larger and "
    "trained it longer.",
    arms=(
        recipes.PAPER,
        Arm(
            "half as long",
            {"num_epochs": 18, "schedule.steps": "13:0.001 16:0.0001"},
        ),
        Arm(
            "twice as long",
            {"num_epochs": 72, "schedule.steps": "54:0.001 64:0.0001"},
        ),
    ),
    comparisons=(
        Comparison("half as long", "paper", Direction.HIGHER, "no number given"),
        Comparison("twice as long", "paper", Direction.LOWER, "no number given"),
    ),
    reduced=recipes.REDUCED,
    full=recipes.REDUCED,
)
