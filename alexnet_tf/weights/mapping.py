"""Converts between a network with grouped convolutions and our two towers.

Elsewhere, AlexNet is one column of layers in which conv2, conv4 and conv5 have two
groups. Group i sees the i-th half of the maps, so the groups are the paper's towers.
Tower a is the first half of every layer's last axis, tower b the second. Both order a
kernel's rows with tower a's maps first. fc8 is not split:

    conv2/kernel [5, 5, 48, 256]  ->  conv2a/kernel, conv2b/kernel [5, 5, 48, 128]
    fc7/kernel [4096, 4096]       ->  fc7a/kernel, fc7b/kernel [4096, 2048]

Systems differ in the order of axes, of fc6's rows and of the colours. The conversion
only reorders, so a round trip gives the same bits.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from alexnet_tf.weights import naming
from tfrecords import errors

KERNEL_LAYOUTS = ("hwio", "oihw")
FC6_ORDERS = ("hwc", "chw")
CHANNEL_ORDERS = ("rgb", "bgr")


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a system orders the weights."""

    # "hwio", kernels [height, width, in, out] and [in, out]; or "oihw", [out, in,
    # height, width] and [out, in].
    kernel_layout: str = "hwio"
    # Order of fc6's inputs, conv5's pooled maps: "hwc", row, column, map; or "chw",
    # map, row, column.
    fc6_order: str = "hwc"
    channel_order: str = "rgb"  # of conv1's colours; or "bgr"


@dataclasses.dataclass(frozen=True)
class Mapped:
    """The weights found in a file."""

    arrays: dict[str, np.ndarray]  # by "conv1a/kernel", float32, of complete layers
    sources: dict[str, tuple[str, ...]]  # "conv1" -> names in the file
    missing: tuple[str, ...]  # layers of the network whose kernel or bias is missing
    # Names in the file that belong to no layer, or to an incomplete one.
    unused: tuple[str, ...]


def to_towers(
    path: str,
    arrays: Mapping[str, np.ndarray],
    layout: Layout,
    shapes: Mapping[str, Sequence[int]],
) -> Mapped:
    """Finds a network's weights among a file's arrays.

    The arrays are float32, by name, of a grouped network or of two towers. `shapes` are
    our parameters': "conv1a/kernel" -> (11, 11, 3, 48). Raises `DataError` if the
    layers cannot be identified or an array has a wrong shape.
    """
    named, unused = naming.name_arrays(path, arrays)
    result: dict[str, np.ndarray] = {}
    sources: dict[str, tuple[str, ...]] = {}
    missing = []
    for layer in naming.LAYERS:
        suffixes = _list_suffixes(layer, named)
        wanted = [f"{layer}{s}/{kind}" for s in suffixes for kind in ("kernel", "bias")]
        there = [named[name] for name in wanted if name in named]
        if len(there) < len(wanted):
            missing.append(layer)
            unused += there
            continue
        kernels = [
            _from_layout(arrays[named[f"{layer}{s}/kernel"]], layout.kernel_layout)
            for s in suffixes
        ]
        kernel = np.concatenate(kernels, axis=-1)
        bias = np.concatenate([arrays[named[f"{layer}{s}/bias"]] for s in suffixes])
        own = [name for name in shapes if name.partition("/")[0].rstrip("ab") == layer]
        _check_shapes(path, layer, kernel, bias, own, shapes)
        if layer == "conv1" and layout.channel_order == "bgr":
            kernel = kernel[:, :, ::-1]
        if layer == "fc6" and layout.fc6_order == "chw":
            kernel = _reorder_rows(kernel, _count_maps(shapes), to_hwc=True)
        towers = len(own) // 2
        for kind, array in (("kernel", kernel), ("bias", bias)):
            names = [name for name in own if name.endswith(f"/{kind}")]
            halves = np.split(array, towers, axis=-1)
            for name, half in zip(names, halves, strict=True):
                result[name] = np.ascontiguousarray(half)
        sources[layer] = tuple(there)
    return Mapped(result, sources, tuple(missing), tuple(unused))


def check_layers(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Raises `UserError` unless our towers' arrays are of AlexNet's eight layers.

    The other networks' further layers have no place in the files; `path` is the run.
    """
    kernels = [name for name in arrays if name.endswith("/kernel")]
    found = {name.partition("/")[0].rstrip("ab") for name in kernels}
    if odd := sorted(found ^ set(naming.LAYERS)):
        fault = f"has a layer {odd[0]}" if odd[0] in found else f"lacks {odd[0]}"
        raise errors.UserError(
            f"the network of {path} {fault}; files of weights hold the eight layers of "
            "AlexNet. alexnet-export --formats=keras,onnx writes other networks."
        )


def from_towers(
    arrays: Mapping[str, np.ndarray], layout: Layout
) -> dict[str, np.ndarray]:
    """Converts our towers' arrays to a grouped network's: "conv1/kernel", ...

    They are all of a network's; the result is in the other system's layout.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    result = {}
    for layer in naming.LAYERS:
        suffixes = _list_suffixes(layer, arrays)
        kernel = np.concatenate([arrays[f"{layer}{s}/kernel"] for s in suffixes], -1)
        if layer == "conv1" and layout.channel_order == "bgr":
            kernel = kernel[:, :, ::-1]
        if layer == "fc6" and layout.fc6_order == "chw":
            kernel = _reorder_rows(kernel, _count_maps(shapes), to_hwc=False)
        if layout.kernel_layout == "oihw":
            kernel = kernel.transpose((3, 2, 0, 1) if kernel.ndim == 4 else (1, 0))
        result[f"{layer}/kernel"] = np.ascontiguousarray(kernel)
        biases = [arrays[f"{layer}{s}/bias"] for s in suffixes]
        result[f"{layer}/bias"] = np.concatenate(biases)
    return result


def sort_towers(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sorts the towers' arrays by layer, kernel before bias."""
    names = [
        f"{layer}{tower}/{kind}"
        for layer in naming.LAYERS
        for tower in ("", "a", "b")
        for kind in ("kernel", "bias")
    ]
    return {name: arrays[name] for name in names if name in arrays}


def _list_suffixes(layer: str, named: Iterable[str]) -> tuple[str, ...]:
    has_towers = any(name.startswith((f"{layer}a/", f"{layer}b/")) for name in named)
    return ("a", "b") if has_towers else ("",)


def _from_layout(kernel: np.ndarray, kernel_layout: str) -> np.ndarray:
    if kernel_layout == "hwio":
        return kernel
    return kernel.transpose((2, 3, 1, 0) if kernel.ndim == 4 else (1, 0))


def _check_shapes(
    path: str,
    layer: str,
    kernel: np.ndarray,
    bias: np.ndarray,
    own: Sequence[str],
    shapes: Mapping[str, Sequence[int]],
) -> None:
    for kind, array in (("kernel", kernel), ("bias", bias)):
        expected = [tuple(shapes[name]) for name in own if name.endswith(f"/{kind}")]
        whole = (*expected[0][:-1], sum(shape[-1] for shape in expected))
        if array.shape != whole:
            hint = (
                "This is a layer of another network: import weights of the network of "
                "2012, such as Caffe's bvlc_alexnet."
            )
            if _fits_turned(array.shape, whole):
                hint = "Check --kernel_layout."
            elif layer == "fc8":
                hint = "The last layer has one output per class: check --classes."
            elif layer == "conv1" and array.shape[:-1] == whole[:-1]:
                hint = "The network's width is set by --width: check it."
            elif array.ndim == 4 and array.shape[2] == 2 * whole[2]:
                hint = "It sees the maps of both towers: the network has no groups."
            raise errors.DataError(
                f"{path}: the {kind} of {layer} has the shape {list(array.shape)}, "
                f"read as [..., in, out], instead of {list(whole)}. {hint}"
            )


def _fits_turned(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    # Whether a wrong shape would fit in the other layout. A convolution's sides decide,
    # because its maps may differ too.
    if len(shape) == 4:
        return shape[2:] == expected[:2] != shape[:2]
    return shape[::-1] == expected


def _count_maps(shapes: Mapping[str, Sequence[int]]) -> int:
    # conv5's maps in both towers: fc6's inputs at each pixel.
    return sum(
        shape[0]
        for name, shape in shapes.items()
        if name.startswith("conv5") and name.endswith("/bias")
    )


def _reorder_rows(kernel: np.ndarray, maps: int, *, to_hwc: bool) -> np.ndarray:
    """Reorders the rows of fc6's kernel, [maps, side, side] <-> [side, side, maps]."""
    rows, units = kernel.shape
    side = math.isqrt(rows // maps)
    if to_hwc:
        cube = kernel.reshape(maps, side, side, units).transpose(1, 2, 0, 3)
    else:
        cube = kernel.reshape(side, side, maps, units).transpose(2, 0, 1, 3)
    return cube.reshape(rows, units)
