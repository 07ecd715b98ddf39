"""The paper's claims, one file each, the most valuable first."""

from __future__ import annotations

from collections.abc import Sequence

from alexnet_tf.config.suggestions import suggest
from alexnet_tf.experiments.claims import (
    cifar10_normalization,
    colour_shift,
    crops,
    data_size,
    dropout,
    dropout_average,
    dropout_scaling,
    dropout_scaling_20,
    dropout_scaling_200,
    ensemble,
    exchanges,
    initial_biases,
    kernel_order,
    layers,
    learning_rates,
    length,
    normalization,
    off_centre,
    one_gpu,
    pooling,
    pre_training,
    relu,
    relu_rates,
    ten_classes,
    ten_views,
    towers,
    weight_decay,
    width,
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
        dropout_scaling_20,
        dropout_scaling,
        off_centre,
        cifar10_normalization,
        normalization,
        ten_views,
        dropout_average,
        kernel_order,
        layers,
        one_gpu,
        pooling,
        colour_shift,
        ensemble,
        dropout,
        crops,
        weight_decay,
        initial_biases,
        towers,
        exchanges,
        learning_rates,
        width,
        length,
        data_size,
        pre_training,
        ten_classes,
        dropout_scaling_200,
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
