"""CIFAR-10: figure 1's training speeds, and the errors of section 3.3.

The images are to be stored at their own 32x32 pixels (`alexnet-convert
--source=cifar10 --image_size=32 --encoding=raw`).
"""

from __future__ import annotations

import dataclasses

from alexnet_tf.config import schema
from alexnet_tf.config.by_layer import RateChange


def get_figure1() -> schema.Config:
    """Figure 1: four layers, without any regularization, until 25 % training error.

    The paper gives neither network nor learning rate ("the learning rates for each
    network were chosen independently to make training as fast as possible"); the
    network is the source's layers-18pct.cfg without its normalization and average
    pooling. `model.activation` is relu, tanh or sigmoid.
    """
    return schema.Config(
        experiment="cifar10_figure1",
        batch_size=128,
        num_epochs=40,
        data=schema.DataConfig(
            crop_size=32, crop_positions=1, mirror=False, colour_shift="none"
        ),
        model=schema.ModelConfig(
            network="cifar10_figure1",
            initial_stddevs={"conv1": 0.0001, "conv2": 0.01, "conv3": 0.01, "fc4": 0.1},
        ),
        optimizer=schema.OptimizerConfig(learning_rate=0.001, weight_decay=0.0),
        schedule=schema.ScheduleConfig(name="fixed"),
    )


def get_13pct() -> schema.Config:
    """Section 3.3 without normalization: the source's layers-conv-local-13pct.cfg.

    24x24 crops and mirror images, ten views at test. Biases learn twice as fast and do
    not decay. The source trains until the error stops falling, then ten epochs each at
    a tenth and a hundredth of the rate.
    """
    return _get_local("cifar10_13pct", 0.004, schema.ModelConfig())


def get_11pct() -> schema.Config:
    """Section 3.3 with normalization: the source's layers-cifar10-11pct.cfg.

    As `get_13pct`, with n = 9, k = 1 and alpha = 0.001 / 9 per map.
    """
    normalized = schema.ModelConfig(
        normalization_radius=4, normalization_bias=1.0, normalization_alpha=0.001 / 9
    )
    return _get_local("cifar10_11pct", 0.01, normalized)


def _get_local(
    name: str, last_decay: float, model: schema.ModelConfig
) -> schema.Config:
    return schema.Config(
        experiment=name,
        batch_size=128,
        num_epochs=140,
        data=schema.DataConfig(crop_size=24, crop_positions=9, colour_shift="none"),
        model=dataclasses.replace(
            model,
            network=name,
            pool_rounding="up",
            initial_stddevs={
                **{"conv1": 0.0001, "conv2": 0.01, "local3": 0.04, "local4": 0.04},
                "fc5": 0.01,
            },
        ),
        optimizer=schema.OptimizerConfig(
            learning_rate=0.001,
            weight_decays={
                **{"conv1": 0.0, "conv2": 0.0, "local3": 0.004, "local4": 0.004},
                "fc5": last_decay,
            },
            bias_weight_decay=False,
            bias_rate_factor=2.0,
        ),
        schedule=schema.ScheduleConfig(
            name="fixed", steps=(RateChange(120, 0.0001), RateChange(130, 0.00001))
        ),
    )
