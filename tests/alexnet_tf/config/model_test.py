"""Tests of `alexnet_tf.config.model`: the paper's constants."""

from __future__ import annotations

import sys

import pytest

from alexnet_tf.config.model import ModelConfig


def test_defaults_are_the_papers():
    """Sections 3.3, 3.4, 4.2 and 5."""
    config = ModelConfig()
    normalization = (
        *(config.normalization_bias, 2 * config.normalization_radius + 1),
        *(config.normalization_alpha, config.normalization_beta),
    )
    assert normalization == (2, 5, 1e-4, 0.75)
    assert (config.pool_size, config.pool_stride) == (3, 2)
    assert (config.dropout_rate, config.dropout_scaling) == (0.5, "test")
    assert config.initial_stddev == config.initial_stddev_conv345 == 0.01
    # What changes the network's table is empty.
    assert not config.exchange_layers and not config.normalized_layers
    assert not config.initial_biases and not config.paddings


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
