"""Weights in PyTorch's files: good ones, old ones, damaged ones and hostile ones."""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys

import numpy as np
import pytest

from alexnet_tf.weights import bounds, torch_files
from tfrecords import errors

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)
BIAS = np.array([0.5, -1.5, 2.5], np.float32)
ARRAYS = {"conv1/kernel": KERNEL, "conv1/bias": BIAS}

try:
    import torch
except ImportError:
    torch = None
needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "weights.pt")


@needs_torch
@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_tensors_by_name(path, is_zip, wrapper):
    tensors = {
        "module.conv1.weight": torch.from_numpy(KERNEL.T).T,
        "module.conv1.bias": torch.nn.Parameter(torch.from_numpy(BIAS)),
        "module.count": torch.tensor(7),
    }
    content = {wrapper: tensors, "epoch": 90} if wrapper else tensors
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    arrays = torch_files.read_pt(path)
    assert list(arrays) == ["conv1.weight", "conv1.bias"]
    np.testing.assert_array_equal(arrays["conv1.weight"], KERNEL)
    np.testing.assert_array_equal(arrays["conv1.bias"], BIAS)
    assert arrays["conv1.weight"].flags.c_contiguous


@needs_torch
@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64"])
def test_other_precisions_become_float32(path, name):
    torch.save({"a.weight": torch.from_numpy(KERNEL).to(getattr(torch, name))}, path)
    array = torch_files.read_pt(path)["a.weight"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, KERNEL)


class Canary:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (self.canary,)


@needs_torch
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_hostile_file_runs_nothing(path, tmp_path, is_zip):
    canary = tmp_path / "canary"
    content = {"conv1.weight": torch.zeros(3), "conv1.bias": Canary(str(canary))}
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(errors.DataError, match=r"more than tensors.*mkdir") as caught:
        torch_files.read_pt(path)
    assert "weights_only=False" not in str(caught.value)
    assert not canary.exists()
    pickle.loads(pickle.dumps(content["conv1.bias"]))
    assert canary.exists()


@needs_torch
def test_other_content_is_refused_with_the_reason(path, monkeypatch):
    cases = [
        ([KERNEL.tolist()], "no tensors by name"),
        ({"a": 1}, "no tensors by name"),
        ({"a": torch.tensor([np.nan])}, "a holds a number that is not finite"),
        ({"a": torch.eye(3).to_sparse()}, "a is sparse or quantized"),
        # Four bytes that say they are a terabyte.
        ({"a": torch.zeros(1).expand(1 << 19, 1 << 19)}, "4 GiB"),
    ]
    for content, words in cases:
        torch.save(content, path)
        with pytest.raises(errors.DataError, match=words):
            torch_files.read_pt(path)
    torch.save({"a": torch.zeros(1000)}, path)
    monkeypatch.setattr(bounds, "MAX_BYTES", os.path.getsize(path))
    with pytest.raises(errors.DataError, match="more than"):
        torch_files.read_pt(path)


@needs_torch
def test_truncated_files(path):
    torch.save({"a.weight": torch.from_numpy(KERNEL)}, path)
    with open(path, "rb") as file:
        data = file.read()
    for length in range(0, len(data), 97):
        with open(path, "wb") as file:
            file.write(data[:length])
        with pytest.raises(errors.DataError, match="damaged or is not a PyTorch file"):
            torch_files.read_pt(path)
    with pytest.raises(errors.UserError, match="cannot be read"):
        torch_files.read_pt("nowhere.pt")


@needs_torch
def test_pt_there_and_back(path):
    torch_files.write_pt(path, ARRAYS)
    loaded = torch.load(path, weights_only=True)
    np.testing.assert_array_equal(loaded["conv1.weight"].numpy(), KERNEL)
    arrays = torch_files.read_pt(path)
    assert arrays["conv1.weight"].tobytes() == KERNEL.tobytes()
    assert arrays["conv1.bias"].tobytes() == BIAS.tobytes()


def make_safetensors(path, tensors):
    """The format by hand: the length of a header in JSON, the header, the bytes."""
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def test_safetensors(path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    # The upper halves of 1.0 and -2.5.
    raw = struct.pack("<2H", 0x3F80, 0xC020)
    make_safetensors(
        path,
        {
            "conv1.weight": ("F32", [2, 3], KERNEL.tobytes()),
            "conv1.bias": ("BF16", [2], raw),
            "fc8.bias": ("F64", [1], struct.pack("<d", 0.1)),
            "fc7.bias": ("F16", [1], struct.pack("<e", 0.5)),
            "count": ("I64", [1], struct.pack("<q", 7)),
        },
    )
    arrays = torch_files.read_safetensors(path)
    assert list(arrays) == ["conv1.bias", "conv1.weight", "fc7.bias", "fc8.bias"]
    np.testing.assert_array_equal(arrays["conv1.weight"], KERNEL)
    assert arrays["conv1.bias"].tolist() == [1.0, -2.5]
    assert arrays["fc8.bias"][0] == np.float32(0.1)
    assert arrays["fc7.bias"].tolist() == [0.5]
    assert {array.dtype for array in arrays.values()} == {np.dtype("float32")}


def test_forged_safetensors_are_refused(path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    make_safetensors(path, {"a": ("F32", [1 << 40], b"\0" * 8)})
    with pytest.raises(errors.DataError, match=r"damaged or is not a \.safetensors"):
        torch_files.read_safetensors(path)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", 1 << 62) + b"{}")
    with pytest.raises(errors.DataError, match=r"damaged or is not a \.safetensors"):
        torch_files.read_safetensors(path)
    make_safetensors(path, {"a": ("F32", [1], struct.pack("<f", np.inf))})
    with pytest.raises(errors.DataError, match="a holds a number that is not finite"):
        torch_files.read_safetensors(path)
    make_safetensors(path, {"a": ("F32", [2], b"\0" * 8)})
    with open(path, "rb") as file:
        data = file.read()
    for length in range(len(data)):
        with open(path, "wb") as file:
            file.write(data[:length])
        with pytest.raises(errors.DataError, match="damaged or is not"):
            torch_files.read_safetensors(path)


def test_safetensors_there_and_back(path):
    library = pytest.importorskip("safetensors.numpy", reason="not installed")
    torch_files.write_safetensors(path, ARRAYS)
    loaded = library.load_file(path)
    np.testing.assert_array_equal(loaded["conv1.weight"], KERNEL)
    arrays = torch_files.read_safetensors(path)
    assert arrays["conv1.weight"].tobytes() == KERNEL.tobytes()
    assert arrays["conv1.bias"].tobytes() == BIAS.tobytes()


@pytest.mark.parametrize(
    ("function", "package"),
    [
        (torch_files.read_pt, "torch"),
        (torch_files.read_safetensors, "safetensors"),
        (lambda path: torch_files.write_pt(path, ARRAYS), "torch"),
        (lambda path: torch_files.write_safetensors(path, ARRAYS), "safetensors"),
    ],
)
def test_a_missing_library_is_named(path, monkeypatch, function, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.numpy", None)
    with open(path, "wb") as file:
        file.write(b"text")
    with pytest.raises(errors.UserError, match=f"pip install {package}"):
        function(path)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
