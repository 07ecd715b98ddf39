"""The paper's network and recipe on the embedded, drawn images: minutes, not days.

Nothing is reported of these twenty classes; chance is 95 % error. What differs from
the paper serves their number: small batches (more steps from few images), a fixed
fall of the rate, and the fast arithmetic of the processor at hand.
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
