"""Tests of `alexnet_tf.network.local`, against the formula in NumPy."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.network import local


@pytest.mark.parametrize("stride, padding", [(1, (1, 1)), (2, (0, 1)), (1, (0, 0))])
def test_every_pixel_has_its_own_kernels(stride, padding):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((2, 5, 6, 3)).astype(np.float32)
    layer = local.LocallyConnected(4, 3, stride, padding, 0.5, 0.0, (0, 1))
    layer(x)
    kernel = np.asarray(layer.kernel)
    bias = generator.standard_normal(layer.bias.shape).astype(np.float32)
    layer.set_weights([kernel, bias])
    padded = np.pad(x, ((0, 0), padding, padding, (0, 0)))
    rows = (5 + sum(padding) - 3) // stride + 1
    columns = (6 + sum(padding) - 3) // stride + 1
    assert kernel.shape == (rows, columns, 27, 4)
    expected = np.zeros((2, rows, columns, 4))
    for r in range(rows):
        for c in range(columns):
            top, left = stride * r, stride * c
            window = padded[:, top : top + 3, left : left + 3]
            expected[:, r, c] = window.reshape(2, 27) @ kernel[r, c] + bias[r, c]
    np.testing.assert_allclose(np.asarray(layer(x)), expected, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
