"""A sixth convolutional layer, with and without pre-training (section 6)."""

from __future__ import annotations

import dataclasses

from alexnet_tf.experiments.claims import recipes
from alexnet_tf.experiments.claims.claim import (
    Arm,
    Claim,
    Comparison,
    Direction,
    Stage,
)

_CONV6 = {"model.network": "conv6"}

CLAIM = Claim(
    name="pre_training",
    section="6",
    sentence="Training one CNN, with an extra sixth convolutional layer over the last "
    "pooling layer, to classify the entire ImageNet Fall 2011 release (15M images, 22K "
    'categories), and then "fine-tuning" it on ILSVRC-2012 gives an error rate of '
    "16.6%.",
    arms=(
        recipes.PAPER,
        Arm("conv6", _CONV6),
        Arm("conv6, pre-trained", _CONV6, is_pretrained=True),
    ),
    comparisons=(
        Comparison(
            *("conv6, pre-trained", "paper", Direction.LOWER),
            "-1.7 points (table 2: 39.0 against 40.7)",
        ),
        Comparison(
            *("conv6, pre-trained", "paper", Direction.LOWER),
            "-1.6 points (table 2: 16.6 against 18.2)",
            measure="top5",
        ),
        Comparison("conv6, pre-trained", "conv6", Direction.LOWER, "no number given"),
    ),
    reduced=dataclasses.replace(
        recipes.REDUCED,
        # 10,000 images of other classes, about as many steps as one arm's run.
        stages=(
            Stage(
                "cifar10_256",
                settings={
                    **recipes.REDUCED.settings,
                    **_CONV6,
                    "data.fraction": 0.2,
                    "num_epochs": 15,
                    "schedule.steps": "12:0.001",
                },
            ),
        ),
    ),
    full=dataclasses.replace(
        recipes.FULL,
        stages=(
            Stage("ilsvrc2012", "alexnet_source"),
            Stage("imagenet_fall2009", "conv6_fall2009", split="test"),
            Stage("imagenet_fall2011", "conv6_fall2011"),
        ),
        pretrained_experiment="conv6_source",
    ),
    remark="The reduced form pre-trains on 10,000 images of CIFAR-10, enlarged, in "
    "place of ImageNet's 15 million, once for all folds. The full form follows the "
    "source's net 146 through its four runs.",
)
