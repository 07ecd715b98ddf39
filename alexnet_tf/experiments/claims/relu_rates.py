"""The learning rates of figure 1, each chosen for its activation (section 3.1)."""

from __future__ import annotations

import dataclasses

from alexnet_tf.experiments.claims.claim import Claim, Comparison, Direction
from alexnet_tf.experiments.claims.relu import FASTEST, FORM, RATES, make_arm


def _name(activation: str, rate: float) -> str:
    return f"{activation} {rate:g}"


_FORM = dataclasses.replace(FORM, seeds=(0,))

CLAIM = Claim(
    name="relu_rates",
    section="3.1",
    sentence="The learning rates for each network were chosen independently to make "
    "training as fast as possible.",
    arms=tuple(
        make_arm(activation, rate, _name(activation, rate))
        for activation, rates in RATES.items()
        for rate in rates
    ),
    comparisons=tuple(
        Comparison(
            _name(activation, rate),
            _name(activation, FASTEST[activation]),
            Direction.HIGHER,
            "the chosen rate is the fastest",
            "epochs_to_25_training",
        )
        for activation, rates in RATES.items()
        for rate in rates
        if rate != FASTEST[activation]
    ),
    reduced=_FORM,
    full=_FORM,
    remark="One run of each rate chooses; it is no test of the differences. The epochs "
    "compared are interpolated: the error of an epoch's steps counts for its middle.",
)
