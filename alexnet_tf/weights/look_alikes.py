"""Recognizes networks that are mistaken for AlexNet, by their kernels' shapes.

Only certain cases are refused. Shapes cannot distinguish Caffe's CaffeNet, which pools
before it normalizes, from its AlexNet.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfrecords import errors

# (side, maps in, maps out) of every convolution.
_Kernels = frozenset[tuple[int, int, int]]

_TRUNK = {(11, 3, 64), (5, 64, 192), (3, 192, 384)}
_NETWORKS: dict[str, _Kernels] = {
    "torchvision's alexnet, which follows Krizhevsky's 'One weird trick for "
    "parallelizing convolutional neural networks' (2014): one tower of "
    "64-192-384-256-256 kernels without response normalization": frozenset(
        {*_TRUNK, (3, 384, 256), (3, 256, 256)}
    ),
    "TF-Slim's alexnet_v2, which follows Krizhevsky's 'One weird trick for "
    "parallelizing convolutional neural networks' (2014): one tower of "
    "64-192-384-384-256 kernels without response normalization": frozenset(
        {*_TRUNK, (3, 384, 384), (3, 384, 256)}
    ),
}
_VGG = "a VGG network, whose kernels are all 3x3"
_VGG_KERNELS: _Kernels = frozenset({(3, 3, 64), (3, 64, 128), (3, 128, 256)})


def refuse(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Raises `DataError` if the weights are those of another, known network.

    The kernels may be in either order of axes.
    """
    name = _recognize(arrays)
    if name:
        raise errors.DataError(
            f"{path} holds the weights of {name}. They do not fit the network of 2012 "
            "implemented here, 96-256-384-384-256 kernels in two towers. Use them with "
            "the library that they come from, or import weights of the network of "
            "2012, such as Caffe's bvlc_alexnet."
        )


def _recognize(arrays: Mapping[str, np.ndarray]) -> str:
    kernels = {_describe(array.shape) for array in arrays.values() if array.ndim == 4}
    for name, expected in _NETWORKS.items():
        if expected <= kernels:
            return name
    if kernels >= _VGG_KERNELS and {side for side, _, _ in kernels} == {3}:
        return _VGG
    return ""


def _describe(shape: tuple[int, ...]) -> tuple[int, int, int]:
    # Kernels have more output maps than pixels per side.
    if shape[0] == shape[1] and max(shape[:2]) < max(shape[2:]):
        return shape[0], shape[2], shape[3]
    return shape[2], shape[1], shape[0]
