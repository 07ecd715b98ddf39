"""Tracks layers whose weights are still random: not imported, copied or trained.

A checkpoint stores their names, so that every user of its weights can warn about them.
"""

from __future__ import annotations

from collections.abc import Sequence

from alexnet_tf.optimization.learning_rates import LearningRates
from alexnet_tf.runs.checkpoint_files import Checkpoint

# In a checkpoint's state and in an export's record; both may lack it.
KEY = "untrained_layers"


def read(checkpoint: Checkpoint) -> tuple[str, ...]:
    """A checkpoint's random layers, in the network's order, such as ("fc6",).

    Empty for checkpoints of earlier versions, which do not record them.
    """
    return tuple(checkpoint.state.get(KEY, ()))


def drop_trained(layers: Sequence[str], rates: LearningRates) -> tuple[str, ...]:
    """The random layers that remain so after an update.

    A layer with rate 0 is frozen and learns nothing.
    """
    moving = {
        name
        for name, kernel, bias in zip(
            rates.layer_names, rates.kernel, rates.bias, strict=True
        )
        if kernel or bias
    }
    return tuple(layer for layer in layers if layer not in moving)


def describe(layers: Sequence[str]) -> str:
    """A warning that names the random layers; "" if there are none."""
    if not layers:
        return ""
    one = len(layers) == 1
    return (
        f"warning: the weights of {', '.join(layers)} are random: "
        f"{'this layer was' if one else 'these layers were'} neither imported nor "
        "trained. The network's predictions are meaningless. To train "
        f"{'it' if one else 'them'}, run alexnet-train --experiment=finetune with "
        "--config.init_from."
    )
