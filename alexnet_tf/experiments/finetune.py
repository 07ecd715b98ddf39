"""Few images of one's own, beginning with a trained network's weights (ours).

Nothing of this kind is in the paper. The last layer is new and learns ten times faster
than the layers that were taken over; a small rate keeps those near where they were.
Name the trained run with --config.init_from: the network's settings, the mean and the
crops are that run's unless they are given.
"""

from __future__ import annotations

import dataclasses

from alexnet_tf.config import schema
from alexnet_tf.config.by_layer import RateChange

# Settings that a run takes from the one it begins with (see `inheritance`).
INHERITED = (
    "data.mean",
    "data.crop_size",
    "data.crop_positions",
    *(f"model.{field.name}" for field in dataclasses.fields(schema.ModelConfig)),
)


def get_config() -> schema.Config:
    """30 epochs at a tenth of the paper's rate, the last layer at all of it."""
    return schema.Config(
        experiment="finetune",
        batch_size=32,
        num_epochs=30,
        precision="auto",
        optimizer=schema.OptimizerConfig(learning_rate=0.001, rate_factors={"fc8": 10}),
        schedule=schema.ScheduleConfig(name="fixed", steps=(RateChange(20, 0.0001),)),
    )
