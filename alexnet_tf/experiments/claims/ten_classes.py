"""Ten classes of ILSVRC-2012 by the paper's recipe, at full width (section 5)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

_FORM = recipes.adapt(
    recipes.REDUCED, {"model.width": 1.0}, num_folds=0, seeds=(0, 1, 2), minutes=120.0
)

CLAIM = Claim(
    name="ten_classes",
    section="5, 6",
    sentence="Our network achieves top-1 and top-5 test set error rates of 37.5% and "
    "17.0%.",
    arms=(Arm("the paper's recipe"),),
    comparisons=(
        Comparison(
            *("the paper's recipe", "the paper's recipe", Direction.LOWER),
            "no number for ten classes",
            measure="below_19",
        ),
    ),
    reduced=_FORM,
    full=_FORM,
    remark="All 4,800 training images, the paper's width, the schedule of the other "
    "claims; the error is that on the 500 validation images.",
)
