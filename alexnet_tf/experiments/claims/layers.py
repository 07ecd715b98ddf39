"""Each convolutional layer removed (sections 1 and 7)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="layers",
    section="1, 7",
    sentence="Removing any convolutional layer (each of which contains no more than "
    "1% of the model's parameters) resulted in inferior performance. [...] removing "
    "any of the middle layers results in a loss of about 2% for the top-1 performance "
    "of the network.",
    arms=(
        recipes.PAPER,
        Arm("without conv1", {"model.network": "without_conv1"}),
        Arm("without conv2", {"model.network": "without_conv2"}),
        Arm("without conv3", {"model.network": "without_conv3"}),
        Arm("without conv4", {"model.network": "without_conv4"}),
        Arm("without conv5", {"model.network": "without_conv5"}),
    ),
    comparisons=(
        Comparison("without conv1", "paper", Direction.HIGHER, "worse"),
        Comparison("without conv2", "paper", Direction.HIGHER, "about +2 points"),
        Comparison("without conv3", "paper", Direction.HIGHER, "about +2 points"),
        Comparison("without conv4", "paper", Direction.HIGHER, "about +2 points"),
        Comparison("without conv5", "paper", Direction.HIGHER, "worse"),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
)
