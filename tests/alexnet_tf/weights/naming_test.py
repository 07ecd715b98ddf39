"""Which array is which layer's, by name and by order."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.weights import naming
from tests.alexnet_tf import foreign_weights
from tfrecords import errors

WEIGHTS = foreign_weights.make_weights()


def make_arrays(pattern, names=naming.LAYERS):
    """{a name from `pattern` and a layer's own: array}, in another order."""
    arrays = {}
    for name, (kernel, bias) in zip(names, WEIGHTS.values(), strict=True):
        arrays[pattern.format(name, kind="bias", k="b", n=1)] = bias
        arrays[pattern.format(name, kind="kernel", k="W", n=0)] = kernel
    return dict(sorted(arrays.items(), reverse=True))


def check(arrays):
    named, unused = naming.name_arrays("file", arrays)
    assert unused == []
    for layer, (kernel, bias) in WEIGHTS.items():
        assert arrays[named[f"{layer}/kernel"]] is kernel
        assert arrays[named[f"{layer}/bias"]] is bias


@pytest.mark.parametrize(
    "pattern",
    [
        "{0}/{kind}",
        "{0}.{kind}",
        "{0}_{k}",
        "{0}/{n}",
        "{0}/{0}/{kind}:0",
        "model.layers.{0}.{kind}",
    ],
)
def test_names_that_tell_the_layer(pattern):
    check(make_arrays(pattern))
    check(make_arrays(pattern, [layer.upper() for layer in naming.LAYERS]))


@pytest.mark.parametrize(
    "names",
    [
        # The order of the numbers, not of the letters: 10 after 3; 2-D after 4-D.
        [
            *("features.0", "features.4", "features.8", "features.10", "features.12"),
            *("classifier.1", "classifier.4", "classifier.6"),
        ],
        [
            *("layers/conv2d", "layers/conv2d_1", "layers/conv2d_2"),
            *("layers/conv2d_3", "layers/conv2d_4"),
            *("layers/dense", "layers/dense_1", "layers/dense_2"),
        ],
    ],
)
def test_names_that_do_not_are_counted_off(names):
    check(make_arrays("{0}.{kind}", names))


def test_towers_are_counted_off_too():
    towers = foreign_weights.to_towers(WEIGHTS)
    convolutions = [name for name in naming.TOWERS if name.startswith("conv")]
    dense = [name for name in naming.TOWERS if name.startswith("fc")]
    stems = {
        layer: f"layers/{kind}_{number}" if number else f"layers/{kind}"
        for kind, layers in (("convolution", convolutions), ("dense", dense))
        for number, layer in enumerate(layers)
    }
    arrays = {
        f"{stems[name.partition('/')[0]]}/{int(name.endswith('bias'))}": array
        for name, array in towers.items()
    }
    named, unused = naming.name_arrays("file", arrays)
    assert unused == []
    assert {name: arrays[found] for name, found in named.items()} == towers


def test_a_part_of_the_layers_and_what_is_none():
    arrays = {
        "conv3/weights": WEIGHTS["conv3"][0],
        "fc9/weights": np.zeros((2, 3)),
        "conv3/steps": np.zeros(()),
        "conv6/biases": np.zeros(3),
    }
    named, unused = naming.name_arrays("file", arrays)
    assert named == {"conv3/kernel": "conv3/weights"}
    assert unused == ["fc9/weights", "conv3/steps", "conv6/biases"]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({}, "holds no arrays: 0 convolutions and 0"),
        (make_arrays("x{0}.{kind}") | {"y.kernel": np.zeros((1, 1, 1, 1))}, "6 conv"),
        ({"a.weight": np.zeros((2, 2))}, "holds a.weight: 0 convolutions and 1"),
        (
            {"conv1/a": np.zeros((2, 2)), "conv1/b": np.zeros((2, 2))},
            "both conv1/a and conv1/b could be the kernel of conv1",
        ),
        (
            {"net.conv1.bias": np.zeros(2), "average.conv1.bias": np.zeros(2)},
            "both net.conv1.bias and average.conv1.bias",
        ),
    ],
)
def test_ambiguous_arrays_are_refused(arrays, words):
    with pytest.raises(errors.DataError, match=words):
        naming.name_arrays("file", arrays)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
