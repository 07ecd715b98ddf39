"""Networks that are no AlexNet of 2012, and those that must pass."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.weights import look_alikes, naming
from tests.alexnet_tf import foreign_weights
from tfrecords import errors

TORCHVISION = {
    "features.0": (64, 3, 11, 11),
    "features.3": (192, 64, 5, 5),
    "features.6": (384, 192, 3, 3),
    "features.8": (256, 384, 3, 3),
    "features.10": (256, 256, 3, 3),
    "classifier.1": (8, 9216),
    "classifier.4": (8, 8),
    "classifier.6": (10, 8),
}
SLIM = {
    "alexnet_v2/conv1": (11, 11, 3, 64),
    "alexnet_v2/conv2": (5, 5, 64, 192),
    "alexnet_v2/conv3": (3, 3, 192, 384),
    "alexnet_v2/conv4": (3, 3, 384, 384),
    "alexnet_v2/conv5": (3, 3, 384, 256),
    "alexnet_v2/fc6": (5, 5, 256, 8),
}
VGG = {
    f"vgg.{index}": (after, before, 3, 3)
    for index, (before, after) in enumerate(
        [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 512), (512, 512)]
    )
}
# As Caffe's network is: a half of the maps in conv2, conv4 and conv5.
GROUPED = {
    "conv1": (96, 3, 11, 11),
    "conv2": (256, 48, 5, 5),
    "conv3": (384, 256, 3, 3),
    "conv4": (384, 192, 3, 3),
    "conv5": (256, 192, 3, 3),
}


def make_arrays(shapes):
    # Nothing of a kernel but its shape counts.
    return {
        f"{name}.weight": np.broadcast_to(np.float32(0), shape)
        for name, shape in shapes.items()
    }


def turn(shapes):
    """The same kernels in the other order of axes."""
    return {
        name: tuple(np.moveaxis(np.empty(shape), (2, 3, 1, 0), (0, 1, 2, 3)).shape)
        if len(shape) == 4
        else shape
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (TORCHVISION, "torchvision's alexnet.*One weird trick.*2014"),
        (turn(TORCHVISION), "torchvision's alexnet"),
        # Its features without the classifier are it, too.
        (dict(list(TORCHVISION.items())[:5]), "torchvision's alexnet"),
        (SLIM, "alexnet_v2.*One weird trick"),
        (VGG, "VGG"),
        (turn(VGG), "VGG"),
    ],
)
def test_another_network_is_named_with_what_is_possible(shapes, words):
    with pytest.raises(errors.DataError, match=words) as e:
        naming.name_arrays("theirs.npz", make_arrays(shapes))
    assert "theirs.npz" in str(e.value) and "bvlc_alexnet" in str(e.value)
    assert "kernel_layout" not in str(e.value)


@pytest.mark.parametrize(
    "shapes",
    [
        GROUPED,
        turn(GROUPED),
        {name: pair[0].shape for name, pair in foreign_weights.make_weights().items()},
        # A part, from which nothing is certain.
        dict(list(TORCHVISION.items())[:3]),
        {},
    ],
)
def test_what_may_be_alexnet_passes(shapes):
    look_alikes.refuse("file", make_arrays(shapes))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
