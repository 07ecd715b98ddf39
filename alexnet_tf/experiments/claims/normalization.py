"""Response normalization (section 3.3)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="normalization",
    section="3.3",
    sentence="Response normalization reduces our top-1 and top-5 error rates by 1.4% "
    "and 1.2%.",
    arms=(
        recipes.PAPER,
        Arm("no normalization", {"model.normalization": "none"}),
        Arm("conv1 alone", {"model.normalized_layers": "conv1"}),
        Arm("batch normalization", {"model.normalization": "batch"}),
    ),
    comparisons=(
        Comparison("no normalization", "paper", Direction.HIGHER, "+1.4 points"),
        Comparison(
            "no normalization", "paper", Direction.HIGHER, "+1.2 points", measure="top5"
        ),
        Comparison(
            "no normalization",
            "paper",
            Direction.HIGHER,
            "no number given",
            measure="gap",
        ),
        Comparison(
            *("no normalization", "paper", Direction.HIGHER, "no number given"),
            measure="equal_training",
        ),
        Comparison(
            "conv1 alone",
            "paper",
            Direction.HIGHER,
            "source, net 167: -0.2 points under another schedule",
        ),
        Comparison("batch normalization", "paper", Direction.LOWER, "not in the paper"),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
    remark="The normalized network learns more slowly at first, so that at a fixed "
    "length the errors compare speed as well as generalization; the gap to the "
    "training error and the errors at equal training error are given, too.",
)
