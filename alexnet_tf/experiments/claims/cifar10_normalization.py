"""13 % without and 11 % with normalization on CIFAR-10 (section 3.3)."""

from __future__ import annotations

from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction, Form

# Both arms are equally long and use the same recipe; the source trains for about 140
# epochs.
_LENGTH = {
    "num_epochs": 30,
    "schedule.steps": "24:0.0001 27:0.00001",
    "eval_every_epochs": 2,
}
_NORMALIZED = {
    "model.network": "cifar10_11pct",
    "model.normalization_radius": 4,
    "model.normalization_bias": 1.0,
    "model.normalization_alpha": 0.001 / 9,
}
_REDUCED = Form(
    data="cifar10",
    experiment="cifar10_13pct",
    settings=_LENGTH,
    seeds=(0, 1, 2),
    minutes=45.0,
    machine="two cores of Zen 3",
)

CLAIM = Claim(
    name="cifar10_normalization",
    section="3.3",
    sentence="A four-layer CNN achieved a 13% test error rate without normalization "
    "and 11% with normalization.",
    arms=(Arm("13 %, no normalization"), Arm("11 %, normalization", _NORMALIZED)),
    comparisons=(
        Comparison(
            "11 %, normalization",
            "13 %, no normalization",
            Direction.LOWER,
            "-2 points",
        ),
    ),
    reduced=_REDUCED,
    full=Form(
        data="cifar10",
        experiment="cifar10_13pct",
        seeds=(0, 1, 2),
        minutes=210.0,
        machine="two cores of Zen 3",
    ),
    remark="The reduced form trains for 30 epochs instead of the source's 140. The two "
    "networks are the source's; that with normalization has 64 instead of 32 maps in "
    "its locally connected layers.",
)
