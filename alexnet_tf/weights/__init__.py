"""Reads and writes AlexNet weights in other systems' files, without running their code.

Every reader returns names and float32 arrays; `mapping` converts them to our towers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from alexnet_tf.weights import keras_files, numpy_files, torch_files
from alexnet_tf.weights.mapping import Layout
from tfrecords import errors

__all__ = ["FORMATS", "Format", "find_format"]


@dataclasses.dataclass(frozen=True)
class Format:
    """A file format."""

    suffixes: tuple[str, ...]  # of its file names
    layout: Layout  # the default order of its weights
    read: Callable[[str], dict[str, np.ndarray]]  # path -> name -> float32 array
    # Takes a path and arrays; None if the format is read-only.
    write: Callable[[str, Mapping[str, np.ndarray]], None] | None
    # Whether files are written with our towers' arrays in our order, or with a grouped
    # network's in a chosen layout.
    has_towers: bool = False


# Caffe's images are BGR. The known NumPy conversions of its networks reordered fc6 to
# rows, columns, maps.
_CAFFE = Layout("hwio", "hwc", "bgr")
_KERAS = Layout("hwio", "hwc", "rgb")
_TORCH = Layout("oihw", "chw", "rgb")

FORMATS = {
    "npy": Format((".npy",), _CAFFE, numpy_files.read_npy, numpy_files.write_npy),
    "npz": Format((".npz",), _CAFFE, numpy_files.read_npz, numpy_files.write_npz),
    "h5": Format(
        (".h5", ".hdf5"), _KERAS, keras_files.read_h5, keras_files.write_h5, True
    ),
    "keras": Format((".keras",), _KERAS, keras_files.read_keras, None),
    "pt": Format((".pt", ".pth"), _TORCH, torch_files.read_pt, torch_files.write_pt),
    "safetensors": Format(
        (".safetensors",),
        _TORCH,
        torch_files.read_safetensors,
        torch_files.write_safetensors,
    ),
}


def find_format(path: str, name: str = "auto", is_written: bool = False) -> Format:
    """The format called `name`, or, for "auto", that of the suffix.

    Raises `UserError` if the suffix is unknown, naming the formats that are read, or
    those that are written.
    """
    if name != "auto":
        return FORMATS[name]
    for kind in FORMATS.values():
        if path.lower().endswith(kind.suffixes):
            return kind
    names = [name for name, kind in FORMATS.items() if kind.write or not is_written]
    known = ", ".join(suffix for name in names for suffix in FORMATS[name].suffixes)
    raise errors.UserError(
        f"the suffix of {path} is not a known format ({known}). Give --format, one of "
        f"{', '.join(names)}."
    )
