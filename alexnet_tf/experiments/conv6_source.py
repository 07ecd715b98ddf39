"""Net 146 of the authors' released source: a sixth convolutional layer, pre-trained.

Section 6: a network with "a sixth convolutional layer over the last pooling layer" was
trained on the Fall 2011 release and then fine-tuned on ILSVRC-2012. The notes in the
source's parameter files name four runs, each of which starts from the one before:

  experiment         data                  copied              ends at epoch
  alexnet_source     ILSVRC-2012                               91
  conv6_fall2009     10,184 classes        conv1 to conv5      6.65, here 7
  conv6_fall2011     21,843 classes        conv1 to conv6      8.11, here 8
  conv6_source       ILSVRC-2012           all but the last    54

Give the run before with --config.init_from. Reported after the last (ten views):
38.9900 % / 16.6220 % on ILSVRC-2012's validation images. Kernels' rates are the
source's; the biases keep 0.02, as in net 145. Differences from the source: runs end
with a whole epoch; conv6's bias has the rate of the others, not a tenth of it; on Fall
2011, the last layer sees fc8 itself, not a linear layer of 2 x 1024 units between them.
"""

from __future__ import annotations

import dataclasses

from alexnet_tf.config import schema
from alexnet_tf.config.by_layer import RateChange
from alexnet_tf.experiments import alexnet_source

# The run that each starts from (`init_from`).
STARTS = {
    "conv6_fall2009": "a run of alexnet_source",
    "conv6_fall2011": "a run of conv6_fall2009",
    "conv6_source": "a run of conv6_fall2011",
}

_CONVOLUTIONS = tuple(f"conv{number}" for number in range(1, 7))
# 300 of the 10,009 steps in an epoch of ILSVRC-2012.
_300_STEPS = 0.03


def _get_config(
    name: str, num_epochs: int, steps: tuple[RateChange, ...]
) -> schema.Config:
    config = alexnet_source.get_config()
    return dataclasses.replace(
        config,
        experiment=name,
        num_epochs=num_epochs,
        data=dataclasses.replace(config.data, colour_shift_epochs=0),
        model=dataclasses.replace(
            config.model, network="conv6", initial_stddevs={"conv6": 0.03}
        ),
        schedule=schema.ScheduleConfig(name="fixed", steps=steps),
    )


def get_fall2009_config() -> schema.Config:
    """10,184 classes: 0.001 for conv1 to conv5; 0.01 for the rest until epoch 2.16."""
    return _get_config(
        "conv6_fall2009",
        7,
        (
            *(RateChange(0, 0.001, layer) for layer in _CONVOLUTIONS[:5]),
            RateChange(2.16, 0.001),
        ),
    )


def get_fall2011_config() -> schema.Config:
    """21,843 classes: 0.001 for conv1 to conv6; 0.01 for the rest until epoch 6."""
    config = _get_config(
        "conv6_fall2011",
        8,
        (
            *(RateChange(0, 0.001, layer) for layer in _CONVOLUTIONS),
            RateChange(6, 0.001),
        ),
    )
    return dataclasses.replace(config, init_layers=_CONVOLUTIONS)


def get_config() -> schema.Config:
    """ILSVRC-2012: 0.001, conv1 slower and soon frozen, the new last layer faster."""
    config = _get_config(
        "conv6_source",
        54,
        (
            *(RateChange(0, 0.001), RateChange(0, 0.0001, "conv1")),
            RateChange(_300_STEPS, 0.01, "fc9"),
            RateChange(5, 1e-5, "conv1"),
            RateChange(7, 0.0, "conv1"),
            RateChange(9, 0.001, "fc9"),
            *(RateChange(22, 0.0001), RateChange(22, 0.0, "conv1")),
            *(RateChange(42, 1e-5), RateChange(42, 0.0, "conv1")),
        ),
    )
    return dataclasses.replace(
        config, data=dataclasses.replace(config.data, colour_shift_epochs=38)
    )
