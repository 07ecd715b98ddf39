"""How many floating-point operations the network's products need.

A multiplication and an addition count as two. In training every layer's product is
computed three times: forward, for the gradient of its weights, and for the gradient of
its input, except that conv1 needs none of the images. Normalization, pooling, ReLU,
dropout, loss and update are not counted: utilization is what they leave over.

    layer   output   kernels  inputs of one output   multiplications per image
    conv1   55x55     96       11 * 11 * 3 =  363     105,415,200
    conv2   27x27    256       5 * 5 * 48 = 1200      223,948,800
    conv3   13x13    384      3 * 3 * 256 = 2304      149,520,384
    conv4   13x13    384      3 * 3 * 192 = 1728      112,140,288
    conv5   13x13    256      3 * 3 * 192 = 1728       74,760,192
    fc6             4096      6 * 6 * 256 = 9216       37,748,736
    fc7             4096                    4096       16,777,216
    fc8             1000                    4096        4,096,000
    all                                               724,406,816

    forward 2 * 724,406,816 = 1.449e9; training 3 * 1.449e9 - 2 * 105,415,200 = 4.136e9
"""

from __future__ import annotations

from alexnet_tf.network.networks import ALEXNET
from alexnet_tf.network.tables import ConvolutionRow, DenseRow, scale_rows


def count_alexnet(
    num_classes: int = 1000, width: float = 1.0, crop_size: int = 224
) -> dict[str, int]:
    """Multiplications of one image's forward pass, by layer, from the table.

    They are the length of one output's sum, times outputs. `num_classes` is the width
    of fc8, `width` a factor on kernels and units, `crop_size` the images' side, pixels.
    """
    from alexnet_tf.config.schema import ModelConfig

    pooling = ModelConfig()
    counts: dict[str, int] = {}
    side, maps, towers = crop_size, 3, 2
    for row in scale_rows(ALEXNET.rows, width, towers):
        if isinstance(row, ConvolutionRow):
            side = (side + sum(row.padding) - row.size) // row.stride + 1
            sees_all = row.sees_all or row.name == "conv1"
            inputs = row.size**2 * (maps if sees_all else maps // towers)
            counts[row.name] = side**2 * row.kernels * inputs
            maps = row.kernels
            if row.pooled:
                side = (side - pooling.pool_size) // pooling.pool_stride + 1
        elif isinstance(row, DenseRow):
            counts[row.name] = side**2 * maps * row.units
            side, maps = 1, row.units
    counts["fc8"] = maps * num_classes
    return counts


def count_training_flops(multiplications: dict[str, int], first: str = "conv1") -> int:
    """Floating-point operations of a training step, per image.

    2 * (3 * sum of all - that of the first layer)
    """
    return 2 * (3 * sum(multiplications.values()) - multiplications[first])
