"""Keras' weights: `.weights.h5`, older `.h5` files, and `.keras` archives.

Only the arrays are read, with h5py: a `.keras` file's configuration can name code and
is never read. Links to other files are refused.
"""

from __future__ import annotations

import collections
import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO

import h5py
import numpy as np

from alexnet_tf.weights import bounds
from tfrecords import errors
from tfrecords.durable import files

_H5 = "an HDF5 file of Keras weights"
_KERAS = "a .keras archive"
# Where a .keras archive holds its weights.
_MEMBER = "model.weights.h5"
# Depth of nested groups; Keras nests models within models.
_MAX_DEPTH = 20
_OPTIMIZER = ("optimizer", "optimizer_weights")


def read_h5(path: str) -> dict[str, np.ndarray]:
    """Reads a `.weights.h5` file of Keras 2 or 3, or an older `.h5` one.

    Any optimizer state is ignored.

    Returns:
      "conv1/0" (Keras 3: a layer's name and a variable's number), "layers/conv2d_1/0"
      (Keras 2: a layer's type and number) or "conv1/kernel:0" (older files) -> float32
      array, with the file's order of axes.

    Raises:
      UserError: if there is no such file.
      DataError: if the file is damaged, too large, of another format, links to another
        file, or holds non-finite weights.
    """
    bounds.check_file(path)
    with files.read_errors(path), open(path, "rb") as file:
        return _read(path, file, _H5)


def read_keras(path: str) -> dict[str, np.ndarray]:
    """Reads the weights of a `.keras` archive; returns and raises as `read_h5`."""
    bounds.check_file(path)
    with bounds.explain_errors(path, _KERAS), zipfile.ZipFile(path) as archive:
        bounds.check_archive(path, archive)
        data = archive.read(_MEMBER)
    return _read(path, io.BytesIO(data), _KERAS)


def _read(path: str, file: IO[bytes], what: str) -> dict[str, np.ndarray]:
    budget, arrays = bounds.Budget(path), {}
    with bounds.explain_errors(path, what), h5py.File(file, "r") as root:
        found = {}
        for name, dataset in _walk(path, root, "", 0, budget):
            if dataset.is_virtual or dataset.external:
                raise _make_link_error(path, name)
            if dataset.dtype.kind == "f":
                # HDF5 unpacks whole chunks, even to read a part of one.
                largest = max(dataset.shape, dataset.chunks or (), key=math.prod)
                budget.spend(name, largest, dataset.dtype.itemsize)
                found[name] = dataset
        # Read only after all of them are known to fit.
        for name, dataset in found.items():
            arrays[name] = bounds.to_float32(path, name, dataset[()])
    if not arrays:
        raise bounds.make_error(path, what, "it holds no weights")
    return arrays


def _walk(
    path: str, group: h5py.Group, name: str, depth: int, budget: bounds.Budget
) -> Iterator[tuple[str, h5py.Dataset]]:
    if depth > _MAX_DEPTH:
        raise ValueError(f"its groups are nested more than {_MAX_DEPTH} deep")
    for key in group:
        if depth == 0 and key in _OPTIMIZER:
            continue
        member_name = f"{name}/{key}".lstrip("/")
        # A group may link to itself, so every member counts.
        budget.spend(member_name, (0,), 4)
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise _make_link_error(path, member_name)
        member = group[key]
        if isinstance(member, h5py.Dataset):
            yield member_name, member
        elif isinstance(member, h5py.Group):
            # Keras 3 stores a layer's variables in a group with its name.
            stored = member.attrs.get("name") if key == "vars" else None
            if key == "vars":
                member_name = stored if isinstance(stored, str) and stored else name
            yield from _walk(path, member, member_name, depth + 1, budget)


def _make_link_error(path: str, name: str) -> errors.DataError:
    return errors.DataError(
        f"{path}: {name[:80]} is a link to another file. Give a file that contains its "
        "weights."
    )


def write_h5(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes "conv1a/kernel" -> array, by layer, as a `.weights.h5` file, atomically.

    `load_weights` of this package's functional model reads it on both stacks: Keras
    identifies a layer by its type and its number within that type, and requires a name
    that ends in `.weights.h5`.
    """
    stream = io.BytesIO()
    numbers: collections.Counter[str] = collections.Counter()
    with h5py.File(stream, "w") as file:
        # The model's own variables, of which there are none; Keras 2 needs the group.
        file.create_group("vars")
        for layer in dict.fromkeys(name.partition("/")[0] for name in arrays):
            kernel, bias = arrays[f"{layer}/kernel"], arrays[f"{layer}/bias"]
            kind = "convolution" if kernel.ndim == 4 else "dense"
            suffix = f"_{numbers[kind]}" if numbers[kind] else ""
            numbers[kind] += 1
            group = file.create_group(f"layers/{kind}{suffix}/vars")
            group.attrs["name"] = layer
            group["0"], group["1"] = kernel, bias
    files.write_bytes(path, stream.getvalue())
