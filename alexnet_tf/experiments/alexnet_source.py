"""Net 145 of the authors' released source: the recipe behind the paper's numbers.

Reported in the notes at the end of its parameter file (ten views, top-1 / top-5):
ILSVRC-2012 validation 40.6640 % / 18.2100 %; trained on ILSVRC-2010, test 37.4727 % /
16.9987 %, centre view 39.0247 % / 18.2953 %.

Differences from the paper's text: crops at all 33 offsets, shared by 32 images; the
colour shift uses standard deviations; always the mean's centre crop is subtracted;
conv1 is normalized before its ReLU; alpha is divided by n = 5; conv2 has a second
normalization; the initial standard deviation of conv3 to conv5 is 0.03; biases have no
decay and twice the rate, which never falls; the order of images is the same in every
epoch. Kernels' rates by epoch: 0.01, 0.001 at 25, 0.0001 at 51; at 67 conv1 to 0.00001
and the colour shift off; conv1 frozen at 72; 0.00001 at 79; stop at 91.
"""

from __future__ import annotations

from alexnet_tf.config import schema
from alexnet_tf.config.by_layer import RateChange


def get_config() -> schema.Config:
    """Net 145's settings for ILSVRC-2012."""
    return schema.Config(
        experiment="alexnet_source",
        num_epochs=91,
        data=schema.DataConfig(
            crop_positions=33,
            crop_chunk=32,
            colour_shift="source",
            colour_shift_epochs=67,
            mean="centre_crop",
            reshuffle=False,
        ),
        model=schema.ModelConfig(
            normalization_alpha=2e-5,
            conv1_normalized_before_relu=True,
            conv2_map_normalization=True,
            initial_stddev_conv345=0.03,
        ),
        optimizer=schema.OptimizerConfig(
            bias_weight_decay=False, bias_rate_factor=2.0, bias_rate_follows=False
        ),
        schedule=schema.ScheduleConfig(
            name="fixed",
            steps=(
                RateChange(25, 1e-3),
                RateChange(51, 1e-4),
                RateChange(67, 1e-5, "conv1"),
                RateChange(72, 0.0, "conv1"),
                RateChange(79, 1e-5),
                RateChange(79, 0.0, "conv1"),
            ),
        ),
    )
