"""Between groups and towers: against index arithmetic, there and back, bit for bit."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest

from alexnet_tf.weights import mapping
from alexnet_tf.weights.mapping import Layout
from tests.alexnet_tf import foreign_weights
from tfrecords import errors

WEIGHTS = foreign_weights.make_weights()
TOWERS = foreign_weights.to_towers(WEIGHTS)
SHAPES = foreign_weights.get_shapes()


def name(weights):
    arrays = {}
    for layer, (kernel, bias) in weights.items():
        arrays[f"{layer}.weight"], arrays[f"{layer}.bias"] = kernel, bias
    return arrays


@pytest.mark.parametrize(
    ("weights", "layout"),
    [
        (WEIGHTS, Layout("oihw", "chw", "rgb")),
        (foreign_weights.to_channels_last(WEIGHTS), Layout("hwio", "hwc", "rgb")),
        (
            foreign_weights.to_channels_last(WEIGHTS, bgr=True),
            Layout("hwio", "hwc", "bgr"),
        ),
    ],
)
def test_a_grouped_network_becomes_two_towers_and_back(weights, layout):
    arrays = name(weights)
    mapped = mapping.to_towers("file", arrays, layout, SHAPES)
    foreign_weights.assert_same_bits(mapped.arrays, TOWERS)
    assert mapped.missing == mapped.unused == ()
    assert mapped.sources["conv2"] == ("conv2.weight", "conv2.bias")
    back = {
        n.replace("/kernel", ".weight").replace("/bias", ".bias"): array
        for n, array in mapping.from_towers(TOWERS, layout).items()
    }
    foreign_weights.assert_same_bits(back, arrays)


@pytest.mark.parametrize(
    "orders",
    list(
        itertools.product(
            mapping.KERNEL_LAYOUTS, mapping.FC6_ORDERS, mapping.CHANNEL_ORDERS
        )
    ),
)
def test_every_layout_there_and_back(orders):
    layout = Layout(*orders)
    arrays = mapping.from_towers(TOWERS, layout)
    assert all(array.flags.c_contiguous for array in arrays.values())
    mapped = mapping.to_towers("file", arrays, layout, SHAPES)
    foreign_weights.assert_same_bits(mapped.arrays, TOWERS)
    assert all(array.flags.c_contiguous for array in mapped.arrays.values())


def test_by_hand():
    """A pixel's maps of fc6, a colour of conv1, a kernel of group 1."""
    arrays = name(WEIGHTS)
    mapped = mapping.to_towers("file", arrays, Layout("oihw", "chw", "bgr"), SHAPES)
    fc6 = arrays["fc6.weight"]
    # Unit 200 is tower b's 72nd; row 1, column 2, map 9 of 16.
    assert (
        mapped.arrays["fc6b/kernel"][(1 * 6 + 2) * 16 + 9, 72]
        == (fc6[200, 9 * 36 + 1 * 6 + 2])
    )
    # Red is the last of B, G, R.
    assert (
        mapped.arrays["conv1a/kernel"][4, 5, 0, 1] == arrays["conv1.weight"][1, 2, 4, 5]
    )
    assert (
        mapped.arrays["conv2b/kernel"][0, 3, 2, 5]
        == arrays["conv2.weight"][8 + 5, 2, 0, 3]
    )


def test_the_papers_sizes():
    """The grouped layout that other programs write, at full width."""
    grouped = {
        "conv1": (11, 11, 3, 96),
        "conv2": (5, 5, 48, 256),
        "conv3": (3, 3, 256, 384),
        "conv4": (3, 3, 192, 384),
        "conv5": (3, 3, 192, 256),
        "fc6": (9216, 4096),
        "fc7": (4096, 4096),
        "fc8": (4096, 1000),
    }
    shapes = {}
    for layer, shape in grouped.items():
        for suffix in ("",) if layer == "fc8" else ("a", "b"):
            out = shape[-1] if layer == "fc8" else shape[-1] // 2
            shapes[f"{layer}{suffix}/kernel"] = (*shape[:-1], out)
            shapes[f"{layer}{suffix}/bias"] = (out,)
    arrays = {}
    for layer, shape in grouped.items():
        # Zeros that take no memory.
        arrays[f"{layer}/weights"] = np.broadcast_to(np.float32(0), shape)
        arrays[f"{layer}/biases"] = np.zeros(shape[-1:], np.float32)
    mapped = mapping.to_towers("file", arrays, Layout(), shapes)
    assert {n: array.shape for n, array in mapped.arrays.items()} == shapes


def test_a_part_of_a_network():
    arrays = name(WEIGHTS)
    del arrays["fc8.weight"], arrays["conv3.weight"], arrays["conv3.bias"]
    arrays["steps"] = np.zeros(1, np.float32)
    layout = Layout("oihw", "chw", "rgb")
    mapped = mapping.to_towers("file", arrays, layout, SHAPES)
    assert mapped.missing == ("conv3", "fc8")
    assert mapped.unused == ("steps", "fc8.bias")
    expected = {n: a for n, a in TOWERS.items() if not n.startswith(("conv3", "fc8"))}
    foreign_weights.assert_same_bits(mapped.arrays, expected)


def test_one_tower_alone_is_no_layer():
    arrays = {n: a for n, a in TOWERS.items() if not n.startswith("conv1b")}
    mapped = mapping.to_towers("file", arrays, Layout(), SHAPES)
    assert mapped.missing == ("conv1",)
    assert mapped.unused == ("conv1a/kernel", "conv1a/bias")


@pytest.mark.parametrize(
    ("changed", "shape", "words"),
    [
        ("conv2.weight", (16, 6, 5, 5), "no groups"),
        ("conv1.weight", (11, 11, 3, 6), "Check --kernel_layout"),
        ("fc8.weight", (4, 256), "check --classes"),
        ("conv4.bias", (23,), r"bias of conv4 .*\[23\].*\[24\]"),
        ("fc6.weight", (256, 15 * 36), r"kernel of fc6 .*\[540, 256\]"),
        # Gray images, and ZFNet's smaller kernels: the layout is right.
        ("conv1.weight", (12, 1, 11, 11), "another network"),
        ("conv1.weight", (12, 3, 7, 7), "another network"),
    ],
)
def test_other_shapes_are_said(changed, shape, words):
    arrays = {**name(WEIGHTS), changed: np.zeros(shape, np.float32)}
    with pytest.raises(errors.DataError, match=words):
        mapping.to_towers("a.pt", arrays, Layout("oihw", "chw", "rgb"), SHAPES)


def test_networks_of_other_layers_are_refused():
    towers = foreign_weights.to_towers(foreign_weights.make_weights())
    mapping.check_layers("run", towers)
    kernel = np.zeros((1, 1, 1, 1))
    with pytest.raises(errors.UserError, match=r"run has a layer conv6; .*eight"):
        mapping.check_layers("run", {**towers, "conv6a/kernel": kernel})
    few = {name: a for name, a in towers.items() if not name.startswith("conv3")}
    with pytest.raises(errors.UserError, match=r"run lacks conv3; .*eight"):
        mapping.check_layers("run", few)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
