"""The names of the update rules other than the paper's, and settings to try them."""

from __future__ import annotations

import pytest

from alexnet_tf import stack
from alexnet_tf.config.schema import OptimizerConfig

addons = pytest.mark.skipif(stack.KERAS_MAJOR >= 3, reason="TensorFlow Addons alone")
_ADDONS_NAMES = ("swa", "lookahead")
# With every name, for whole runs of a few steps.
RUNS = {
    "sgdw": {"optimizer.weight_decay": 0.05},
    "moving_average": {"optimizer.average_decay": 0.5},
    "swa": {"optimizer.average_start_step": 1, "optimizer.average_every_steps": 2},
    "lookahead": {"optimizer.lookahead_steps": 2},
    "multi_optimizer": {
        "optimizer.per_layer": {"fc7": "adamw", "fc8": "sgdw"},
        "optimizer.rate_factors": {"fc7": 0.1},
    },
}


NAMES = [
    pytest.param(name, marks=addons if name in _ADDONS_NAMES else ()) for name in RUNS
]
every_name = pytest.mark.parametrize("name", NAMES)


def list_available() -> list[str]:
    """The names that this stack has."""
    return [n for n in RUNS if stack.KERAS_MAJOR < 3 or n not in _ADDONS_NAMES]


def make_config(name, **changes):
    per_layer = {"fc7": "adamw", "fc8": "sgdw"} if name == "multi_optimizer" else {}
    return OptimizerConfig(name=name, **{"per_layer": per_layer, **changes})
