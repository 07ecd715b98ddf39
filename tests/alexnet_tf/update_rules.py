"""The names of the update rules other than the paper's, and settings to try them."""

from __future__ import annotations

import pytest

from alexnet_tf import stack
from alexnet_tf.config.schema import OptimizerConfig

addons = pytest.mark.skipif(stack.KERAS_MAJOR >= 3, reason="TensorFlow Addons alone")
NAMES = [
    "sgdw",
    "moving_average",
    pytest.param("swa", marks=addons),
    pytest.param("lookahead", marks=addons),
    "multi_optimizer",
]
every_name = pytest.mark.parametrize("name", NAMES)

# With every name, for whole runs of a few steps.
RUNS = {
    "sgdw": {"optimizer.weight_decay": 0.05},
    "moving_average": {"optimizer.average_decay": 0.5},
    "swa": {"optimizer.average_start_step": 1, "optimizer.average_every_steps": 2},
    "lookahead": {"optimizer.lookahead_steps": 2},
    "multi_optimizer": {
        "optimizer.per_layer": "fc7=adamw fc8=sgdw",
        "optimizer.rate_factors": "fc7=0.1",
    },
}


def make_config(name, **changes):
    per_layer = {"fc7": "adamw", "fc8": "sgdw"} if name == "multi_optimizer" else {}
    return OptimizerConfig(name=name, **{"per_layer": per_layer, **changes})
