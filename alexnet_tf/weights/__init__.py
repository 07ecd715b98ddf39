"""AlexNet's weights in files of other systems: read, written, and never run.

Every reader gives plain names and float32 arrays; `mapping` makes our towers of them.
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
    """A kind of file.

    Attributes:
      suffixes: of its names.
      layout: how such files order the weights unless told otherwise.
      read: path -> name -> float32 array.
      write: takes a path and arrays; None where files are only read.
      has_towers: whether what is written are our towers' arrays in our order, or a
        grouped network's in the layout asked for.
    """

    suffixes: tuple[str, ...]
    layout: Layout
    read: Callable[[str], dict[str, np.ndarray]]
    write: Callable[[str, Mapping[str, np.ndarray]], None] | None
    has_towers: bool = False


# Caffe's images are BGR, and its networks came to NumPy with fc6 turned to rows,
# columns, maps.
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


def find_format(path: str, name: str = "auto") -> Format:
    """The format called `name`, or for "auto" that of the file's name.

    Raises:
      UserError: where the file's name tells none.
    """
    if name != "auto":
        return FORMATS[name]
    for kind in FORMATS.values():
        if path.lower().endswith(kind.suffixes):
            return kind
    known = ", ".join(suffix for kind in FORMATS.values() for suffix in kind.suffixes)
    raise errors.UserError(
        f"the name of {path} does not tell its format ({known}). Give --format, one of "
        f"{', '.join(FORMATS)}."
    )
