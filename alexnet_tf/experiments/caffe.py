"""BVLC AlexNet, Caffe's replication, for its published weights and its recipe.

Reported for the published weights (centre crop): ILSVRC-2012 validation 42.9 % / 19.8 %
top-1 / top-5 error. None of this is the paper's.

Differences from the paper: crops of 227 pixels at all 30 offsets, for which conv1 gives
55x55 without padding (ours pads the right and bottom edges by 3, but no window reaches
there); no colour shift; response normalization with k = 1 and alpha / n = 1e-4 / 5,
over all maps, not those of one tower (two groups in one network); dropout scaled in
training; batches of 256; biases without decay at twice the rate; the rate divided by
ten every 100,000 steps of 450,000, that is every 20 epochs of 90.

Imported weights give exactly Caffe's network. Trained from scratch, it would also
differ in what has no setting here: Caffe's initial biases are 0.1 where the paper's are
1, and its initial weights of fc6 and fc7 have a standard deviation of 0.005.
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
