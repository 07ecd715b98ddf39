"""Objects that are not in the middle of the image (section 6.1)."""

from __future__ import annotations

from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction, Form

_FORM = Form(
    data="drawn",
    experiment="sample_quarter",
    settings={"precision": "float32"},
    seeds=(0, 1, 2),
    minutes=9.0,
    machine="two cores of Zen 3",
)

CLAIM = Claim(
    name="off_centre",
    section="6.1",
    sentence="Notice that even off-center objects, such as the mite in the top-left, "
    "can be recognized by the net.",
    arms=(Arm("drawn shapes", probes=("off_centre",)),),
    comparisons=(
        Comparison(
            *("drawn shapes", "drawn shapes", Direction.LOWER, "can be recognized"),
            measure="far_against_chance",
        ),
        Comparison(
            *("drawn shapes", "drawn shapes", Direction.HIGHER, "no number given"),
            measure="far_against_near",
        ),
    ),
    reduced=_FORM,
    full=_FORM,
    remark="600 new images of the ten drawn shapes, in thirds by the distance of the "
    "shape from the middle. Shapes that are far off are also smaller.",
)
