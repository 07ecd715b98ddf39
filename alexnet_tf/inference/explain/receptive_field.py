"""Which pixels a unit of a convolutional layer sees: its receptive field.

Along either axis, the unit at position r of a map depends on the pixels

  start + jump r, ..., start + jump r + size - 1

of the crop; those outside it are the zeros of the padding. The image itself has size 1,
jump 1 and start 0. A window of k pixels with stride s and p zeros before the first
pixel makes of them

  size'  = size + (k - 1) jump
  start' = start - p jump
  jump'  = s jump

In AlexNet the sizes are 11 (conv1), 51, 99, 131 and 163 (conv5). conv2's, for example:
pool1 makes of 11 and jump 4 the size 11 + (3 - 1) 4 = 19 and jump 8, and conv2 makes of
them 19 + (5 - 1) 8 = 51.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from alexnet_tf.network import batch_normalization, layers, normalization
from alexnet_tf.stack import keras

# They compute each pixel of their output from the same pixel of their input.
_POINTWISE = (
    keras.layers.InputLayer,
    batch_normalization.BatchNormalization,
    layers.Activation,
    layers.Copy,
    layers.Exchange,
    normalization.LocalResponseNormalization,
)


class Window(NamedTuple):
    """What one output pixel of a layer depends on, along either axis, in pixels."""

    size: int
    stride: int
    before: int  # zeros before the first pixel


@dataclasses.dataclass(frozen=True)
class Field:
    """The receptive field of the units of a layer, in pixels of the crop.

    It is a square: `size`, `jump` and `start` are the same for rows and columns.
    """

    size: int = 1
    jump: int = 1  # from a unit's field to its neighbour's
    start: int = 0  # of the first unit's field; negative in the padding

    def enlarge(self, window: Window) -> Field:
        """The field of a layer with this window on top of a layer with this field."""
        return Field(
            self.size + (window.size - 1) * self.jump,
            window.stride * self.jump,
            self.start - window.before * self.jump,
        )

    def find_corner(self, row: int, column: int) -> tuple[int, int]:
        """The first row and column of pixels that the unit of a position sees."""
        return self.start + self.jump * row, self.start + self.jump * column

    def cut(self, image: np.ndarray, row: int, column: int, fill: int) -> np.ndarray:
        """What the unit of a position sees of a crop, uint8 [height, width, 3].

        Returns uint8 [size, size, 3], with the grey level `fill` outside the crop.
        """
        patch = np.full((self.size, self.size, 3), fill, np.uint8)
        top, left = self.find_corner(row, column)
        rows = slice(max(top, 0), max(top + self.size, 0))
        columns = slice(max(left, 0), max(left + self.size, 0))
        inside = image[rows, columns]
        height, width = inside.shape[:2]
        first, second = rows.start - top, columns.start - left
        patch[first : first + height, second : second + width] = inside
        return patch


def find_window(layer: keras.layers.Layer) -> Window:
    """The window of a layer below the fully-connected ones.

    Raises `TypeError` for a layer of another kind.
    """
    if isinstance(layer, layers.Convolution):
        return Window(layer.size, layer.stride, layer.padding[0])
    if isinstance(layer, layers.MaxPooling):
        # Rounded up, it pads after the last pixel only.
        return Window(layer.size, layer.stride, 0)
    if isinstance(layer, normalization.MapNormalization):
        return Window(layer.size, 1, layer.size // 2)
    if isinstance(layer, _POINTWISE):
        return Window(1, 1, 0)
    raise TypeError(f"no receptive field is known of {layer.name}, a {type(layer)}")
