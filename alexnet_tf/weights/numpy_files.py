"""Weights in NumPy's files: `.npy` with a dictionary in it, and `.npz`.

`bvlc_alexnet.npy`, the common TensorFlow conversion of Caffe's network, is a pickle in
a .npy file: layer -> [kernel, bias]. A pickle is a program. The unpickler here accepts
only arrays, lists, tuples and dictionaries, builds the arrays itself and refuses
everything else. It also reads files from Python 2.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import numpy as np

from alexnet_tf.weights import bounds
from tfrecords.durable import files, npz, pickle_opcodes

_NPY = "a .npy file of weights by layer"
_NPZ = "a .npz file of weights"


class _Admitted:
    # A callable that a pickle may use. It has no attributes that the pickle could set.
    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]):
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it modifies a callable")


def _refuse_call(*arguments: object) -> None:
    # numpy.ndarray only names the type of an array to `_reconstruct`.
    raise pickle.UnpicklingError("it calls numpy.ndarray, which is not callable")


def _make_from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> _PickledArray:
    array = _PickledArray()
    array.__setstate__((1, shape, dtype, order == "F", raw))
    return array


def _encode(text: Any, encoding: Any) -> bytes:
    # Protocol 2 stores bytes as encoded text.
    if encoding != "latin1" or not isinstance(text, str):
        raise pickle.UnpicklingError(f"it encodes as {encoding!r}")
    return text.encode("latin1")


class _PickledDtype:
    """A dtype: 'f4' and, from its state, the byte order."""

    __slots__ = ("text",)

    def __init__(self, text: Any):
        if not isinstance(text, str) or not re.fullmatch(
            r"[<>|=]?(O8?|[biufcSUV?]\d*)", text
        ):
            raise pickle.UnpicklingError(f"its arrays are of type {str(text)[:40]!r}")
        self.text = text

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"its byte order is {order!r}")
        self.text = order + self.text.lstrip("<>|=")


class _PickledArray:
    """An array of numbers, a view of the pickle's bytes, or of objects, as a list."""

    __slots__ = ("value",)

    def __setstate__(self, state: Any) -> None:
        shape, dtype, is_fortran, raw = state[-4:]
        if not isinstance(dtype, _PickledDtype):
            raise pickle.UnpicklingError("an array has no dtype")
        if "O" in dtype.text:
            if not isinstance(raw, list):
                raise pickle.UnpicklingError("an array of objects is not a list")
            self.value: Any = raw
            return
        # Bytes written by Python 2 are read as text.
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        kind = np.dtype(dtype.text)
        if len(raw) != math.prod(shape) * kind.itemsize or min(shape, default=1) < 1:
            raise pickle.UnpicklingError(
                f"an array of shape {list(shape)} has {len(raw):,} bytes"
            )
        array = np.frombuffer(raw, kind)
        self.value = array.reshape(shape, order="F" if is_fortran else "C")


_ADMITTED: dict[tuple[str, str], _Admitted] = {
    ("numpy.core.multiarray", "_reconstruct"): _Admitted(lambda *_: _PickledArray()),
    ("numpy.core.numeric", "_frombuffer"): _Admitted(_make_from_buffer),
    ("numpy", "ndarray"): _Admitted(_refuse_call),
    ("numpy", "dtype"): _Admitted(lambda text, *_: _PickledDtype(text)),
    ("_codecs", "encode"): _Admitted(_encode),
}


class _ArrayUnpickler(pickle.Unpickler):
    """Reads arrays, lists, tuples and dictionaries; imports nothing."""

    def find_class(self, module: str, name: str) -> Any:
        admitted = _ADMITTED.get((module.replace("numpy._core", "numpy.core"), name))
        if admitted is None:
            raise pickle.UnpicklingError(
                f"it tries to run {module}.{name}, which no array needs"
            )
        return admitted


def read_npy(path: str) -> dict[str, np.ndarray]:
    """Reads a dictionary of weights from a `.npy` file, without running its code.

    The file has layer -> [kernel, bias], {"weights": kernel, "biases": bias}, or name
    -> array.

    Returns:
      "conv1/weights" -> float32 array, with the file's order of axes.

    Raises:
      UserError: if there is no such file.
      DataError: if the file is damaged, too large, of another format, tries to run
        code, or holds non-finite weights.
    """
    data = bounds.read_file(path)
    with bounds.explain_errors(path, _NPY):
        content = _unpickle(data)
    if not isinstance(content, dict):
        raise bounds.make_error(path, _NPY, "it does not hold a dictionary")
    budget, arrays = bounds.Budget(path), {}
    for name, array in _flatten(path, content):
        budget.spend(name, array.shape, array.dtype.itemsize)
        arrays[name] = bounds.to_float32(path, name, array)
    return arrays


def _unpickle(data: bytes) -> Any:
    stream = io.BytesIO(data)
    shape, _, dtype = _read_header(stream)
    if not dtype.hasobject or shape != ():
        raise ValueError(f"it holds an array of {dtype}, shape {list(shape)}")
    pickle_opcodes.check(stream)
    root = _ArrayUnpickler(stream, encoding="latin1").load()
    # numpy.save wraps the dictionary in an array of one object.
    if isinstance(root, _PickledArray) and len(root.value) == 1:
        return root.value[0]
    raise ValueError("it does not hold a single object")


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    # Shape, whether the order is Fortran's, dtype.
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    return readers[np.lib.format.read_magic(stream)](stream)


def _flatten(path: str, content: Mapping[Any, Any]) -> Iterator[tuple[str, np.ndarray]]:
    for name, value in content.items():
        value = getattr(value, "value", value)
        if isinstance(value, np.ndarray):
            yield str(name), value
            continue
        if isinstance(value, (list, tuple)):
            value = dict(zip(("weights", "biases"), value, strict=False))
        if not isinstance(value, dict):
            raise bounds.make_error(path, _NPY, f"{str(name)[:40]!r} is not an array")
        for kind, item in value.items():
            array = getattr(item, "value", item)
            if not isinstance(array, np.ndarray):
                raise bounds.make_error(
                    path, _NPY, f"{str(name)[:40]}/{str(kind)[:40]} is not an array"
                )
            yield f"{name}/{kind}", array


def read_npz(path: str) -> dict[str, np.ndarray]:
    """Reads the arrays of a `.npz` file, by name; returns and raises as `read_npy`.

    Checks every header against its member's size before allocating memory.
    """
    bounds.check_file(path)
    budget, arrays = bounds.Budget(path), {}
    with (
        bounds.explain_errors(path, _NPZ),
        open(path, "rb") as file,
        zipfile.ZipFile(file) as archive,
    ):
        bounds.check_archive(path, archive)
        npz.check_directory(file, archive)
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            with archive.open(member) as stream:
                shape, is_fortran, dtype = _read_header(stream)
                if dtype.hasobject:
                    raise ValueError(f"{name} is pickled")
                budget.spend(name, shape, dtype.itemsize)
                num_bytes = math.prod(shape) * dtype.itemsize
                if member.file_size - stream.tell() != num_bytes or not num_bytes:
                    raise ValueError(f"{name} is not as long as its header states")
                array = np.frombuffer(stream.read(), dtype)
            array = array.reshape(shape, order="F" if is_fortran else "C")
            arrays[name] = bounds.to_float32(path, name, array)
    return arrays


def write_npy(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes "conv1/kernel" and "conv1/bias" as {"conv1": [kernel, bias]}, atomically.

    `numpy.load(path, allow_pickle=True).item()` reads it elsewhere.
    """
    layers = dict.fromkeys(name.partition("/")[0] for name in arrays)
    content = {n: [arrays[f"{n}/kernel"], arrays[f"{n}/bias"]] for n in layers}
    with files.atomic_write(path) as file:
        np.save(file, np.array(content, dtype=object))


def write_array(path: str, array: np.ndarray) -> None:
    """Writes one array as a `.npy` file that holds no pickle, atomically."""
    # To a file itself NumPy writes by C's functions, and a full disk is an OSError
    # without its number.
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    files.write_bytes(path, content.getvalue())


def write_npz(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the arrays by name, atomically."""
    npz.save(path, arrays)
