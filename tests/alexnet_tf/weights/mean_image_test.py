"""Tests of `weights.mean_image`: what is subtracted, in the order that is asked for."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.weights import imported_run, mean_image

STATISTICS = imported_run.make_statistics(np.arange(12.0).reshape(2, 2, 3))


def test_one_colour_where_only_that_is_subtracted():
    image = mean_image.make("channel", STATISTICS, "bgr")
    assert image.tolist() == [[[6.5, 5.5, 4.5]] * 2] * 2


@pytest.mark.parametrize("mean", ["same_crop", "centre_crop"])
def test_the_image_itself_otherwise(mean):
    image = mean_image.make(mean, STATISTICS, "rgb")
    assert image.dtype == np.float32 and image.ravel().tolist() == [*range(12)]
    assert mean_image.make(mean, STATISTICS, "bgr")[0, 0].tolist() == [2, 1, 0]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
