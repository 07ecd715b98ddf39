"""The paper's network and recipe on the drawn sample images: minutes, not days.

There are no published results for these twenty classes; chance level is 95 % error.
Differences from the paper suit the small data set: small batches (more steps from few
images), a fixed schedule, and the fastest precision of the machine.
"""

from __future__ import annotations

from alexnet_tf.config import schema
from alexnet_tf.config.by_layer import RateChange


def get_config() -> schema.Config:
    """Full-width network, 34 epochs, rate 0.01 divided by ten for the last six."""
    return schema.Config(
        experiment="sample",
        batch_size=32,
        num_epochs=34,
        precision="auto",
        eval_every_epochs=2,
        checkpoint_every_epochs=4,
        schedule=schema.ScheduleConfig(name="fixed", steps=(RateChange(28, 0.001),)),
    )
