"""Random crops and mirror images (section 4.1)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="crops",
    section="4.1",
    sentence="Without this scheme, our network suffers from substantial overfitting, "
    "which would have forced us to use much smaller networks.",
    arms=(
        recipes.PAPER,
        Arm("no crops, no mirrors", {"data.crop_positions": 1, "data.mirror": False}),
        Arm("no mirrors", {"data.mirror": False}),
        Arm("quarter width", {"model.width": 0.25}),
        Arm(
            "quarter width, no crops, no mirrors",
            {"model.width": 0.25, "data.crop_positions": 1, "data.mirror": False},
        ),
    ),
    comparisons=(
        Comparison(
            "no crops, no mirrors",
            "paper",
            Direction.HIGHER,
            "substantial overfitting",
            measure="gap",
        ),
        Comparison(
            "no crops, no mirrors", "paper", Direction.HIGHER, "no number given"
        ),
        Comparison("no mirrors", "paper", Direction.HIGHER, "no number given"),
        Comparison(
            "quarter width, no crops, no mirrors",
            "no crops, no mirrors",
            Direction.LOWER,
            "smaller networks",
            measure="gap",
        ),
        Comparison(
            "quarter width, no crops, no mirrors",
            "quarter width",
            Direction.HIGHER,
            "no number given",
        ),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
)
