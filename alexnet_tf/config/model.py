"""The settings of the network, a part of `schema.Config`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from alexnet_tf.config.field import setting


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The network (paper, section 3)."""

    network: str = setting(
        "alexnet",
        "layers, kernels and towers. alexnet: the paper's two towers (figure 2); "
        "one_gpu: one tower with half as many kernels in conv1 to conv4 (section 3.2); "
        "conv6: a sixth convolutional layer (section 6); late_exchange: towers that "
        "meet only in fc8 (source, net 150); without_conv1 to without_conv5: a layer "
        "removed (section 7); cifar10_figure1: four layers for 32x32 crops (figure 1); "
        "cifar10_13pct, cifar10_11pct: the source's, for 24x24 crops (section 3.3)",
        choices=(
            "alexnet",
            "one_gpu",
            "conv6",
            "late_exchange",
            "without_conv1",
            "without_conv2",
            "without_conv3",
            "without_conv4",
            "without_conv5",
            "cifar10_figure1",
            "cifar10_13pct",
            "cifar10_11pct",
        ),
    )
    width: float = setting(
        1.0,
        "factor on every layer's number of kernels or units; 1 is the paper's network, "
        "below 1 is for searches and tests (ours)",
        minimum=0,
        # Such kernels exceed every memory; TensorFlow cannot count larger ones.
        below=10**9,
    )
    exchange_layers: tuple[str, ...] = setting(
        (),
        "layers that see both towers' outputs, such as 'conv3 fc6 fc7'; empty: the "
        "network's (section 3.2). fc8 always does",
    )
    activation: str = setting(
        "relu",
        "relu (section 3.1), tanh or sigmoid",
        choices=("relu", "tanh", "sigmoid"),
    )
    normalization: str = setting(
        "auto",
        "how response normalization (section 3.3) is computed. reference: "
        "tf.nn.local_response_normalization; banded: the same as two matmuls with a "
        "banded matrix; fused: the same as sums compiled by XLA; auto: the fastest on "
        "CPUs, which is fused with TensorFlow 2.21; none: no normalization; batch: "
        "batch normalization in its place, before the ReLU (not the paper's)",
        choices=("auto", "reference", "banded", "fused", "none", "batch"),
    )
    normalized_layers: tuple[str, ...] = setting(
        (),
        "layers that are normalized; empty: the network's, conv1 and conv2 (section "
        "3.3). 'conv1' is net 167 of the source",
    )
    normalization_scope: str = setting(
        "tower",
        "which maps are neighbours. tower: those of the same tower (section 3.5); all: "
        "those of both towers, with b's after a's, as in Caffe (ours; costs an "
        "exchange per normalization)",
        choices=("tower", "all"),
    )
    normalization_bias: float = setting(2.0, "k (section 3.3)", minimum=0)
    normalization_radius: int = setting(
        2, "maps on each side; the paper's n = 5 is radius 2 (section 3.3)", minimum=0
    )
    normalization_alpha: float = setting(
        1e-4,
        "alpha (section 3.3); the source divides it by n, which gives 2e-5",
        minimum=0,
    )
    normalization_beta: float = setting(0.75, "beta (section 3.3)", minimum=0)
    conv1_normalized_before_relu: bool = setting(
        False,
        "normalize conv1 before its ReLU, as the source does; the paper normalizes "
        "after it (section 3.5)",
    )
    conv2_map_normalization: bool = setting(
        False,
        "add the source's second normalization of conv2, between lrn2 and pool2: "
        "within each map, over 5x5 pixels (k 1, alpha 0.001 / 25, beta 0.75)",
    )
    pool_size: int = setting(3, "pooling window z, pixels (section 3.4)", minimum=1)
    pool_stride: int = setting(2, "pooling stride s, pixels (section 3.4)", minimum=1)
    pool_rounding: str = setting(
        "down",
        "how pooling rounds a map's size. down: only whole windows; up: the last "
        "window may extend past the edge, as in the source's net 147 and CIFAR-10 nets",
        choices=("down", "up"),
    )
    paddings: Mapping[str, float] = setting(
        {},
        "zeros around convolutions' inputs, pixels, as `LAYER=PIXELS` entries "
        "separated by spaces, instead of the network's: 'conv2=1 conv5=0' in net 147",
    )
    dropout_rate: float = setting(
        0.5,
        "probability of zeroing a hidden neuron of fc6, fc7 (section 4.2)",
        minimum=0,
        below=1,
    )
    dropout_scaling: str = setting(
        "test",
        "where dropout's factor is applied. test: outputs times 1 - rate at test time "
        "(section 4.2); training: outputs divided by 1 - rate in training, as in "
        "Keras, which changes the training dynamics",
        choices=("test", "training"),
    )
    initial_stddev: float = setting(
        0.01, "standard deviation of the initial kernels (section 5)", minimum=0
    )
    initial_stddev_conv345: float = setting(
        0.01, "the same for conv3, conv4, conv5; 0.03 in the source", minimum=0
    )
    initial_stddevs: Mapping[str, float] = setting(
        {},
        "the same for single layers, as `LAYER=NUMBER` entries separated by spaces: "
        "'conv1=0.0001 local3=0.04'",
    )
    initial_biases: Mapping[str, float] = setting(
        {},
        "initial biases of hidden layers, as `LAYER=NUMBER` entries separated by "
        "spaces, instead of the network's 0 or 1 (section 5): 'conv2=0 fc6=0'",
    )
    initial_scaling: str = setting(
        "inputs",
        "how a width below 1 changes these deviations. inputs: each layer's is "
        "multiplied by sqrt(inputs at full width / inputs), which keeps the scale of "
        "activations (ours); none: unchanged, as in runs of earlier versions",
        choices=("inputs", "none"),
    )
