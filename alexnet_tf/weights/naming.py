"""Identifies the layers of a file's arrays.

Layer names are used if there are any: conv1 ... conv5, fc6, fc7, fc8, with a tower's
letter if the file has separate towers. If there are none, as with Keras' conv2d_1 or
PyTorch's features.3, the five convolutions and three fully-connected layers are
identified by their order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np

from alexnet_tf.weights import look_alikes
from tfrecords import errors

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
TOWERS = tuple(
    layer + tower for layer in LAYERS for tower in ("ab" if layer != "fc8" else ("",))
)
_CONVOLUTION, _DENSE, _BIAS = 4, 2, 1

_NAME = re.compile(r"(conv[1-5]|fc[678])([ab]?)", re.IGNORECASE)


def name_arrays(
    path: str, arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, str], list[str]]:
    """Finds the layers' kernels (four or two axes) and biases (one) in a file's arrays.

    Returns:
      ("conv1/kernel" or, of a tower, "conv1a/kernel" -> name in the file; the names of
      arrays that belong to no layer).

    Raises:
      DataError: if neither names nor order identify the layers, two arrays match the
        same parameter, or it is a known other network.
    """
    look_alikes.refuse(path, arrays)
    stems: dict[str, list[str]] = {}
    for name, array in arrays.items():
        if array.ndim in (_CONVOLUTION, _DENSE, _BIAS):
            # conv1/weights, conv1_W, conv1.weight, conv1/conv1/kernel:0: no last part.
            stems.setdefault(re.sub(r"[/._][^/._]*$", "", name), []).append(name)
    layers = {stem: _find_layer(stem) for stem in stems}
    if not any(layers.values()):
        layers = _count_off(path, arrays, stems)
    named: dict[str, str] = {}
    for stem, names in stems.items():
        if layer := layers.get(stem):
            for name in names:
                kind = "bias" if arrays[name].ndim == _BIAS else "kernel"
                other = named.setdefault(f"{layer}/{kind}", name)
                if other != name:
                    raise errors.DataError(
                        f"{path}: both {other} and {name} could be the {kind} of "
                        f"{layer}, which an AlexNet has once. Give a file with the "
                        "weights of one AlexNet only."
                    )
    return named, [name for name in arrays if name not in named.values()]


def _find_layer(stem: str) -> str:
    match = _NAME.fullmatch(re.split(r"[/.]", stem)[-1])
    return match[0].lower() if match else ""


def _count_off(
    path: str, arrays: Mapping[str, np.ndarray], stems: Mapping[str, Iterable[str]]
) -> dict[str, str]:
    by_kind: dict[int, list[str]] = {_CONVOLUTION: [], _DENSE: []}
    for stem in sorted(stems, key=_split_numbers):
        for name in stems[stem]:
            by_kind.get(arrays[name].ndim, []).append(stem)
    found = [*by_kind[_CONVOLUTION], *by_kind[_DENSE]]
    numbers = (len(by_kind[_CONVOLUTION]), len(by_kind[_DENSE]))
    names = {(5, 3): LAYERS, (10, 5): TOWERS}.get(numbers)
    if names is None:
        listed = ", ".join(list(arrays)[:6]) + (", ..." if len(arrays) > 6 else "")
        raise errors.DataError(
            f"{path} holds {listed or 'no arrays'}: {numbers[0]} convolutions and "
            f"{numbers[1]} fully-connected layers with unknown names. An AlexNet has "
            "five and three. If it is one, rename the arrays to conv1 to conv5, fc6, "
            "fc7, fc8."
        )
    return dict(zip(found, names, strict=True))


def _split_numbers(name: str) -> list[tuple[int, str]]:
    # "features.10" after "features.3".
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"(\d+)", name)
    ]
