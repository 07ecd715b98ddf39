"""The paper's claims, one file each, the most valuable first."""

from __future__ import annotations

from collections.abc import Sequence

from alexnet_tf.config.suggestions import suggest
from alexnet_tf.experiments.claims import (
    cifar10_normalization,
    colour_shift,
    crops,
    dropout,
    exchanges,
    initial_biases,
    layers,
    learning_rates,
    normalization,
    one_gpu,
    pooling,
    relu,
    relu_rates,
    ten_views,
    weight_decay,
)
from alexnet_tf.experiments.claims.claim import Claim
from tfrecords import errors

__all__ = ["CLAIMS", "find"]

# By name, in the order in which they are run.
CLAIMS: dict[str, Claim] = {
    module.CLAIM.name: module.CLAIM
    for module in (
        relu_rates,
        relu,
        cifar10_normalization,
        normalization,
        ten_views,
        layers,
        one_gpu,
        pooling,
        colour_shift,
        dropout,
        crops,
        weight_decay,
        initial_biases,
        exchanges,
        learning_rates,
    )
}


def find(names: Sequence[str]) -> list[Claim]:
    """The claims of these names, in their order of value.

    Raises:
      UserError: if there is no such claim, naming the closest one.
    """
    for name in names:
        if name not in CLAIMS:
            raise errors.UserError(
                f"there is no claim {name!r}. The claims are {', '.join(CLAIMS)}."
                f"{suggest(name, CLAIMS)}"
            )
    return [claim for claim in CLAIMS.values() if claim.name in names]
