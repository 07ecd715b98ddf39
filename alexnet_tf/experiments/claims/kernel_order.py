"""The order of the kernels under response normalization (section 3.3)."""

from __future__ import annotations

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import Claim, Comparison, Direction

CLAIM = Claim(
    name="kernel_order",
    section="3.3",
    sentence="The ordering of the kernel maps is of course arbitrary and determined "
    "before training begins.",
    arms=(recipes.PAPER,),
    comparisons=(
        Comparison(
            "paper",
            "paper",
            Direction.HIGHER,
            "arbitrary only before training",
            measure="permuted_error",
        ),
    ),
    reduced=recipes.REDUCED,
    full=recipes.FULL,
    remark="Conv1's kernels are reordered within each tower after training, and "
    "conv2's inputs with them: without normalization that would change nothing. The "
    "mean over four orders is compared with the order of training, centre views.",
)
