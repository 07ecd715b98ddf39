"""The patches of images that excite a kernel most.

For each kernel, the images are ranked by the greatest response of its map, and the
winners are cut to what the unit of that response sees (as in Zeiler and Fergus 2014,
figure 2). An image gives a kernel one patch at most, or nine patches could be of one
image, a few pixels apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from alexnet_tf.inference.explain import kernels as kernels_lib
from alexnet_tf.inference.explain.kernels import Kernel, Tower
from alexnet_tf.stack import keras


class Place(NamedTuple):
    """Where in a series of images a kernel responds."""

    response: float
    image: int  # the image's number in the series, from 0
    row: int  # of the unit in its map
    column: int


class _Peaks(NamedTuple):
    """Greatest responses: a row for each image, a column for each kernel."""

    responses: np.ndarray  # float32
    images: np.ndarray  # int64, the images' numbers
    positions: np.ndarray  # int64, row * width of the map + column


def find_strongest(
    model: keras.Model,
    towers: Sequence[Tower],
    wanted: Sequence[Kernel],
    batches: Iterable[tf.Tensor],
    count: int,
) -> dict[Kernel, list[Place]]:
    """Finds the `count` images that excite each kernel most, strongest first.

    `batches` are float32 [B, crop, crop, 3], mean subtracted; each is read once, and
    only the places are kept. Of equal responses the earlier image's is taken. Responses
    that are not positive do not count: such a kernel is silent.
    """
    # By tower, as the function has them.
    ordered = [k for tower in towers for k in wanted if k.tower == tower.name]
    if not ordered:
        return {}
    compute = _make_peaks_function(model, towers, ordered)
    best, num_seen = None, 0
    for batch in batches:
        responses, positions = (array.numpy() for array in compute(batch))
        numbers = np.arange(num_seen, num_seen + len(responses))
        num_seen += len(responses)
        images = np.broadcast_to(numbers[:, np.newaxis], responses.shape)
        best = _merge(best, _Peaks(responses, images, positions), count)
    widths = {tower.name: int(tower.output.shape[2]) for tower in towers}
    return {
        kernel: [] if best is None else _list_places(best, n, widths[kernel.tower])
        for n, kernel in enumerate(ordered)
    }


def _merge(old: _Peaks | None, new: _Peaks, count: int) -> _Peaks:
    # The earlier images first, so that they win ties.
    pairs = [new] if old is None else [old, new]
    joined = [np.concatenate(arrays) for arrays in zip(*pairs, strict=True)]
    order = np.argsort(-joined[0], axis=0, kind="stable")[:count]
    return _Peaks(*(np.take_along_axis(array, order, axis=0) for array in joined))


def _list_places(best: _Peaks, column: int, width: int) -> list[Place]:
    rows = zip(*(array[:, column].tolist() for array in best), strict=True)
    return [
        Place(response, image, *divmod(position, width))
        for response, image, position in rows
        if response > 0
    ]


def _make_peaks_function(
    model: keras.Model, towers: Sequence[Tower], ordered: Sequence[Kernel]
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Compiles the function from images to the responses and positions of peaks."""
    numbers = {
        tower.name: [k.number for k in ordered if k.tower == tower.name]
        for tower in towers
    }
    used = [tower for tower in towers if numbers[tower.name]]
    to_maps = kernels_lib.make_maps_function(model, used)

    @tf.function(
        input_signature=[tf.TensorSpec([None, *model.inputs[0].shape[1:]], tf.float32)],
        autograph=False,
    )
    def compute(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        responses, positions = [], []
        for tower, maps in zip(used, to_maps(images), strict=True):
            chosen = tf.gather(maps, numbers[tower.name], axis=-1)
            num_units = maps.shape[1] * maps.shape[2]
            flat = tf.reshape(chosen, [-1, num_units, len(numbers[tower.name])])
            responses.append(tf.reduce_max(flat, axis=1))
            positions.append(tf.argmax(flat, axis=1))
        return tf.concat(responses, axis=-1), tf.concat(positions, axis=-1)

    return compute
