"""Fine-tunes a trained network on a small data set (ours, not in the paper).

The last layer is new and learns ten times faster than the copied layers; a small rate
keeps those close to their trained weights. Give the trained run with
--config.init_from. The settings of its network, the mean and the crops are inherited
unless given.
"""

from __future__ import annotations

import dataclasses

from alexnet_tf.config import schema
from alexnet_tf.config.by_layer import RateChange

# Settings inherited from the run in `init_from` (see `runs.inheritance`).
INHERITED = (
    "data.mean",
    "data.crop_size",
    "data.crop_positions",
    *(f"model.{field.name}" for field in dataclasses.fields(schema.ModelConfig)),
)


def get_config() -> schema.Config:
    """30 epochs at a tenth of the paper's rate, except the last layer's full rate."""
    return schema.Config(
        experiment="finetune",
        batch_size=32,
        num_epochs=30,
        precision="auto",
        optimizer=schema.OptimizerConfig(learning_rate=0.001, rate_factors={"fc8": 10}),
        schedule=schema.ScheduleConfig(name="fixed", steps=(RateChange(20, 0.0001),)),
    )
