"""Figure 1: ReLU against tanh and sigmoid on CIFAR-10 (section 3.1)."""

from __future__ import annotations

from alexnet_tf.experiments.claims.claim import Arm, Claim, Comparison, Direction, Form

# "The learning rates for each network were chosen independently to make training as
# fast as possible": the claim relu_rates tests whether each of FASTEST is.
RATES = {
    "relu": (0.0001, 0.0003, 0.001),
    "tanh": (0.001, 0.003, 0.01),
    "sigmoid": (0.01, 0.03, 0.1),
}
FASTEST = {"relu": 0.0003, "tanh": 0.003, "sigmoid": 0.03}

FORM = Form(
    data="cifar10",
    experiment="cifar10_figure1",
    settings={"eval_every_epochs": 1, "num_epochs": 60},
    split="validation",
    seeds=(0, 1, 2),
    until_training_error=0.25,
    minutes=15.0,
    machine="two cores of Zen 3",
)


def make_arm(activation: str, rate: float, name: str) -> Arm:
    """The arm of an activation with a learning rate."""
    settings = {"model.activation": activation, "optimizer.learning_rate": rate}
    return Arm(name, settings)


CLAIM = Claim(
    name="relu",
    section="3.1",
    sentence="A four-layer convolutional neural network with ReLUs (solid line) "
    "reaches a 25% training error rate on CIFAR-10 six times faster than an equivalent "
    "network with tanh neurons (dashed line).",
    arms=tuple(make_arm(name, rate, name) for name, rate in FASTEST.items()),
    comparisons=(
        Comparison(
            *("tanh", "relu", Direction.HIGHER, "6 times", "epochs_to_25_training")
        ),
        Comparison(
            *("sigmoid", "relu", Direction.HIGHER, "no number given"),
            measure="epochs_to_25_training",
        ),
    ),
    reduced=FORM,
    full=FORM,
    remark="This is the paper's scale. A run ends at 25 % training error or after 60 "
    "epochs, which then count: the ratio is at least as large. The epochs compared "
    "are interpolated: the error of an epoch's steps counts for its middle.",
)
