"""PyTorch's weights: `.pt` and `.pth` of tensors by name, and `.safetensors`.

The libraries are optional: install the extra `weights`.
"""

from __future__ import annotations

import importlib
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from alexnet_tf.weights import bounds
from tfrecords import errors
from tfrecords.durable import files

_PT = "a PyTorch file of tensors by name"
_SAFETENSORS = "a .safetensors file"
# Keys under which training scripts store the weights.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
# The safetensors dtypes that weights use.
_DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2"}


def read_pt(path: str) -> dict[str, np.ndarray]:
    """Reads tensors by name, or those in a `state_dict`; runs no code of the file.

    Returns:
      "features.0.weight" -> float32 array, with the file's order of axes; tensors that
      are not floating-point (counters) are omitted.

    Raises:
      UserError: if there is no such file, or PyTorch is not installed.
      DataError: if the file is damaged, too large, of another format, refers to
        anything but tensors, or holds non-finite weights.
    """
    bounds.check_file(path)
    torch = _import("torch")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                bounds.check_archive(path, archive)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except errors.UserError:
        raise
    except Exception as error:  # a file can make PyTorch raise any type
        raise bounds.make_error(path, _PT, _shorten(error)) from error
    budget, arrays = bounds.Budget(path), {}
    for name, tensor in _list_tensors(path, content, torch):
        if tensor.is_floating_point():
            # Before copying: a tensor may repeat a few bytes a million times.
            budget.spend(name, tensor.shape, 8)
            dtype = torch.float64 if tensor.dtype == torch.float64 else torch.float32
            try:
                array = tensor.detach().to(dtype).contiguous().numpy()
            except (RuntimeError, TypeError, NotImplementedError) as error:
                raise bounds.make_error(path, _PT, error) from error
            arrays[name] = bounds.to_float32(path, name, array)
    return arrays


def _shorten(error: Exception) -> str:
    # PyTorch's message recommends loading the file without its safeguard.
    text = str(error)
    if "weights_only" in text:
        named = re.search(r"GLOBAL (\S+)", text)
        return f"it holds more than tensors{': ' + named[1] if named else ''}"
    return text or type(error).__name__


def _list_tensors(path: str, content: Any, torch: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(content, Mapping):
        raise bounds.make_error(path, _PT, "it holds no tensors by name")
    for wrapper in _WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    tensors = {k: v for k, v in content.items() if isinstance(v, torch.Tensor)}
    if not tensors:
        raise bounds.make_error(path, _PT, "it holds no tensors by name")
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise bounds.make_error(path, _PT, f"{name} is sparse or quantized")
        # DataParallel prefixes every name.
        yield str(name).removeprefix("module."), tensor


def read_safetensors(path: str) -> dict[str, np.ndarray]:
    """Reads a `.safetensors` file; returns and raises as `read_pt`.

    bfloat16 becomes float32 exactly.
    """
    data = bounds.read_file(path)
    safetensors = _import("safetensors")
    with bounds.explain_errors(path, _SAFETENSORS):
        members = safetensors.deserialize(data)
    budget, arrays = bounds.Budget(path), {}
    for name, member in sorted(members, key=lambda item: item[0]):
        dtype, shape = _DTYPES.get(member["dtype"]), member["shape"]
        if dtype is None:
            continue
        budget.spend(name, shape, np.dtype(dtype).itemsize)
        array = np.frombuffer(bytes(member["data"]), dtype)
        if member["dtype"] == "BF16":
            # bfloat16 is the upper half of a float32.
            array = (array.astype(np.uint32) << 16).view(np.float32)
        arrays[name] = bounds.to_float32(path, name, array.reshape(shape))
    return arrays


def write_pt(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes "conv1/kernel", "conv1/bias" as "conv1.weight", "conv1.bias", atomically.

    Raises:
      UserError: if PyTorch is not installed.
      StorageError: if the file cannot be written.
    """
    torch = _import("torch")
    tensors = {
        _rename(name): torch.from_numpy(array.copy()) for name, array in arrays.items()
    }
    with files.atomic_write(path) as file:
        torch.save(tensors, file)


def write_safetensors(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the names of `write_pt` as `.safetensors`, atomically."""
    library = _import("safetensors.numpy")
    renamed = {_rename(n): np.ascontiguousarray(a) for n, a in arrays.items()}
    files.write_bytes(path, library.save(renamed))


def _rename(name: str) -> str:
    return name.replace("/kernel", ".weight").replace("/bias", ".bias")


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise errors.UserError(
            f"PyTorch files need the package {package}, which is not installed. "
            f"Install it with pip install {package}, or pip install "
            "'alexnet-tf[weights]' for all formats."
        ) from error
