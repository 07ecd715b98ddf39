"""Every format's files: found by name, and the same network read from each."""

from __future__ import annotations

import sys

import h5py
import numpy as np
import pytest

from alexnet_tf import experiments, weights
from alexnet_tf.config import overrides
from alexnet_tf.devices.placement import Placement
from alexnet_tf.network.build import build_network
from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.weights import mapping
from tests.alexnet_tf import foreign_weights
from tfrecords import errors

WEIGHTS = foreign_weights.make_weights()
SHAPES = foreign_weights.get_shapes()
FORMATS = ("npy", "npz", "h5", "pt", "safetensors")
LIBRARIES = {"pt": "torch", "safetensors": "safetensors"}


def write_as_others_do(directory, name):
    """The narrow network in a file as that format's users write it."""
    path = str(directory / f"network.{name}")
    last = foreign_weights.to_channels_last(WEIGHTS)
    caffe = foreign_weights.to_channels_last(WEIGHTS, bgr=True)
    if name == "npy":
        np.save(path, np.array({k: list(v) for k, v in caffe.items()}, dtype=object))
    elif name == "npz":
        kernels = {f"{layer}_W": pair[0] for layer, pair in caffe.items()}
        biases = {f"{layer}_b": pair[1] for layer, pair in caffe.items()}
        np.savez(path, **kernels, **biases)
    elif name == "h5":
        with h5py.File(path, "w") as file:
            for layer, (kernel, bias) in last.items():
                group = file.create_group(f"{layer}/{layer}")
                group["kernel:0"], group["bias:0"] = kernel, bias
    elif name == "pt":
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        tensors = {
            f"{layer}.{kind}": torch.from_numpy(array)
            for layer, pair in WEIGHTS.items()
            for kind, array in zip(("weight", "bias"), pair, strict=True)
        }
        torch.save({"state_dict": tensors}, path)
    else:
        library = pytest.importorskip("safetensors.numpy", reason="not installed")
        arrays = {}
        for layer, pair in WEIGHTS.items():
            arrays[f"{layer}.weight"], arrays[f"{layer}.bias"] = pair
        library.save_file(arrays, path)
    return path


def read(path):
    kind = weights.find_format(path)
    return mapping.to_towers(path, kind.read(path), kind.layout, SHAPES)


@pytest.mark.parametrize("name", FORMATS)
def test_all_formats_give_the_same_bits(tmp_path, name):
    path = write_as_others_do(tmp_path, name)
    mapped = read(path)
    assert mapped.missing == mapped.unused == ()
    foreign_weights.assert_same_bits(mapped.arrays, foreign_weights.to_towers(WEIGHTS))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_read_bit_for_bit(tmp_path, name):
    if name in LIBRARIES:
        pytest.importorskip(LIBRARIES[name], reason="not installed")
    kind = weights.FORMATS[name]
    towers = foreign_weights.to_towers(WEIGHTS)
    arrays = towers if kind.has_towers else mapping.from_towers(towers, kind.layout)
    path = str(tmp_path / f"network{kind.suffixes[0]}")
    kind.write(path, arrays)
    foreign_weights.assert_same_bits(read(path).arrays, towers)
    # What a reader elsewhere would take for the same network.
    with open(path, "rb") as file:
        first = file.read()
    kind.write(path, arrays)
    with open(path, "rb") as file:
        assert file.read() == first


def test_logits_are_those_of_an_independent_network(record_property):
    """Caffe's semantics in PyTorch, on crops of 227 pixels."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from tests.alexnet_tf import torch_alexnet

    config = overrides.override(
        experiments.get_config("caffe"), {"model.width": foreign_weights.WIDTH}
    )
    network = build_network(config, foreign_weights.NUM_CLASSES, Placement())
    variables = {p.name: p.variable for p in list_parameters(network)}
    assert {n: tuple(v.shape) for n, v in variables.items()} == SHAPES
    for name, array in foreign_weights.to_towers(WEIGHTS).items():
        variables[name].assign(array)
    # Large values, so that the normalization's sum counts beside k.
    images = 150 * np.random.default_rng(1).standard_normal((3, 227, 227, 3))
    images = images.astype(np.float32)
    found = network(images, training=False).numpy()
    theirs = {
        layer: tuple(torch.from_numpy(array) for array in pair)
        for layer, pair in WEIGHTS.items()
    }
    expected = torch_alexnet.compute_caffe_logits(
        theirs, torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    ).numpy()
    ratio = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    print(f"logits {ratio:.2e}")
    record_property("ratio", float(ratio))
    assert ratio < 1e-4
    # The 227 pixels are all that conv1 sees; the padding is beyond its last window.
    assert network.get_layer("conv1a").output.shape[1:3] == (55, 55)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/bvlc_alexnet.npy", "npy"),
        ("a.NPZ", "npz"),
        ("a.weights.h5", "h5"),
        ("a.keras", "keras"),
        ("a.pth", "pt"),
        ("a.safetensors", "safetensors"),
    ],
)
def test_formats_by_name(path, name):
    assert weights.find_format(path) is weights.FORMATS[name]
    assert weights.find_format("unheard", name) is weights.FORMATS[name]


def test_a_name_that_tells_nothing():
    with pytest.raises(errors.UserError, match=r"a.caffemodel .*Give --format"):
        weights.find_format("a.caffemodel")
    with pytest.raises(errors.UserError, match=r"\.keras"):
        weights.find_format("a.onnx")
    with pytest.raises(errors.UserError, match="onnx") as raised:
        weights.find_format("a.onnx", is_written=True)
    assert "keras" not in str(raised.value) and ".npz" in str(raised.value)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
