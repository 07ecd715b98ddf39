"""BVLC AlexNet, Caffe's replication: for its weights, and its recipe as far as it fits.

Reported with the weights that were published (centre crop): ILSVRC-2012 validation
42.9 % / 19.8 % top-1 / top-5 error. Nothing of this is the paper's.

Where it differs from the paper: crops of 227 pixels, of which conv1 has 55x55 outputs
without padding (ours pads the right and bottom edge by 3, where no window reaches), at
all 30 offsets; no colour shift; response normalization with k = 1 and alpha / n =
1e-4 / 5, its neighbours being all maps, not one tower's (two groups in one network);
dropout scaled in training; batches of 256; biases without decay at twice the rate; the
rate divided by ten every 100,000 steps of 450,000, that is 20 epochs of 90.

Weights that are read are all of the network. Trained anew it would also differ in
what has no setting here: Caffe's first biases are 0.1 where the paper's are 1, and its
first weights of fc6 and fc7 have a standard deviation of 0.005.
"""

from __future__ import annotations

from alexnet_tf.config import schema
from alexnet_tf.config.by_layer import RateChange


def get_config() -> schema.Config:
    """The network of `bvlc_alexnet` on two towers."""
    return schema.Config(
        experiment="caffe",
        batch_size=256,
        data=schema.DataConfig(crop_size=227, crop_positions=30, colour_shift="none"),
        model=schema.ModelConfig(
            normalization_scope="all",
            normalization_bias=1.0,
            normalization_alpha=2e-5,
            dropout_scaling="training",
        ),
        optimizer=schema.OptimizerConfig(bias_weight_decay=False, bias_rate_factor=2.0),
        schedule=schema.ScheduleConfig(
            name="fixed",
            steps=(
                RateChange(20, 1e-3),
                RateChange(40, 1e-4),
                RateChange(60, 1e-5),
                RateChange(80, 1e-6),
            ),
        ),
    )
