"""The counts against sums by hand, and against the built network's kernels."""

from __future__ import annotations

import sys

import pytest

from alexnet_tf.config.schema import ModelConfig
from alexnet_tf.network import build
from alexnet_tf.network.parameters import KERNEL, list_parameters
from tools import flops


def test_the_counts_are_those_of_the_text():
    counts = flops.count_alexnet()
    assert counts == {
        "conv1": 105_415_200,
        "conv2": 223_948_800,
        "conv3": 149_520_384,
        "conv4": 112_140_288,
        "conv5": 74_760_192,
        "fc6": 37_748_736,
        "fc7": 16_777_216,
        "fc8": 4_096_000,
    }
    assert flops.count_training_flops(counts) == 4_135_610_496
    for layer, count in counts.items():
        assert f"{count:,}" in flops.__doc__, layer


def test_a_narrow_network_on_small_crops_by_hand():
    # (67 + 3 - 11) // 4 + 1 = 15 places; a quarter of the 96 kernels; 363 inputs.
    counts = flops.count_alexnet(10, width=0.25, crop_size=67)
    assert counts["conv1"] == 15 * 15 * 24 * 363
    # Pooled twice to 3x3, then 1x1: 64 maps into 1024 units.
    assert counts["fc6"] == 64 * 1024 and counts["fc8"] == 1024 * 10


def test_they_are_the_kernels_times_the_places_where_they_are_applied():
    network = build.build_model(7, ModelConfig())
    places = {"conv1": 55, "conv2": 27, "conv3": 13, "conv4": 13, "conv5": 13}
    counted = dict.fromkeys(flops.count_alexnet(), 0)
    for parameter in list_parameters(network):
        if parameter.kind == KERNEL:
            size = int(parameter.variable.shape.num_elements())
            counted[parameter.layer] += size * places.get(parameter.layer, 1) ** 2
    assert counted == flops.count_alexnet(num_classes=7)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
