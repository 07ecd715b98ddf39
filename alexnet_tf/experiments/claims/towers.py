"""The specialization of the towers (section 6.1)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction

CLAIM = Claim(
    name="towers",
    section="6.1",
    sentence="The kernels on GPU 1 are largely color-agnostic, while the kernels on "
    "GPU 2 are largely color-specific. This kind of specialization occurs during "
    "every run and is independent of any particular random weight initialization "
    "(modulo a renumbering of the GPUs).",
    arms=(
        recipes.PAPER,
        Arm(
            "conv2 sees both towers",
            {"model.exchange_layers": "conv2 conv3 fc6 fc7 fc8"},
            probes=("kernels",),
        ),
    ),
    comparisons=(
        Comparison(
            "conv2 sees both towers",
            "paper",
            Direction.LOWER,
            "specialization results from the restricted connectivity",
            measure="tower_colours",
        ),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
    remark="The measure is the distance between the two towers' mean share of colour "
    "in the energy of conv1's kernels, 0 to 1.",
)
