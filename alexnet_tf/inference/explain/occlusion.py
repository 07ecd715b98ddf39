"""The occlusion map: what of an image the answer depends on.

Zeiler and Fergus (2014), section 4.2, cover a part of the image with a grey square and
see how the probability of the class changes with the square's position. Where the
probability falls, the network was looking at something that it needs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from tfrecords import errors
from tfrecords.console import progress

GREY = 128
# Positions along each axis, at most: 225 forward passes (ours).
MAX_POSITIONS = 15
# A square of 32 pixels on crops of 224 (ours; the article does not give its size).
_CROP_SIDES_PER_SQUARE = 7


@dataclasses.dataclass(frozen=True)
class Occlusion:
    """What a network answers with a grey square at each of n x n positions."""

    side: int  # of the square, pixels
    offsets: np.ndarray  # int [n], its top rows, and left columns, in the crop, pixels
    probabilities: np.ndarray  # float32 [n, n], of the class; rows, then columns
    answers: np.ndarray  # int [n, n], the most probable label

    def find_lowest(self) -> tuple[int, int]:
        """The top row and left column of the square where the probability is least."""
        n = len(self.offsets)
        row, column = divmod(int(np.argmin(self.probabilities)), n)
        return int(self.offsets[row]), int(self.offsets[column])

    def interpolate(self, crop_size: int) -> np.ndarray:
        """The probabilities at all pixels, float [crop_size, crop_size].

        A value belongs to the pixel under the square's centre; it is interpolated
        linearly between these, and constant beyond the outermost ones.
        """
        centres = self.offsets + (self.side - 1) / 2
        pixels = np.arange(crop_size)
        wide = np.array([np.interp(pixels, centres, row) for row in self.probabilities])
        return np.array([np.interp(pixels, centres, column) for column in wide.T]).T


def choose_side(side: int | None, crop_size: int) -> int:
    """The square's side in pixels: `side`, or a seventh of the crop's.

    Raises `UserError` if the square would cover the whole crop.
    """
    if side is None:
        return max(round(crop_size / _CROP_SIDES_PER_SQUARE), 1)
    if side >= crop_size:
        raise errors.UserError(
            f"a grey square of {side} pixels a side would cover the whole crop of "
            f"{crop_size}. Give a smaller one."
        )
    return side


def choose_offsets(side: int, crop_size: int) -> np.ndarray:
    """Positions of the square along an axis: evenly from edge to edge, int [n]."""
    last = crop_size - side
    count = min(MAX_POSITIONS, last + 1)
    return np.rint(np.linspace(0, last, count)).astype(int)


def occlude(
    compute: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    crop_size: int,
    side: int,
    label: int,
    batch_size: int = 32,
) -> Occlusion:
    """Slides the square over the central crop of an image and predicts every time.

    Args:
      compute: from images uint8 [N, size, size, 3] to probabilities float32 [N,
        classes], by the central crop.
      image: uint8 [size, size, 3].
      crop_size: side of the crop, pixels.
      side: side of the square, pixels.
      label: the class whose probability is recorded.
      batch_size: images per call of `compute`.
    """
    offsets = choose_offsets(side, crop_size)
    begin = (image.shape[0] - crop_size) // 2
    corners = [(begin + top, begin + left) for top in offsets for left in offsets]
    line = progress.Progress("occlusion", len(corners), "positions")
    probabilities, answers = [], []
    for start in range(0, len(corners), batch_size):
        batch = corners[start : start + batch_size]
        images = np.repeat(image[np.newaxis], len(batch), axis=0)
        for covered, (top, left) in zip(images, batch, strict=True):
            covered[top : top + side, left : left + side] = GREY
        rows = compute(images)
        probabilities.append(rows[:, label])
        answers.append(rows.argmax(axis=1))
        line.advance(len(batch))
    line.close()
    shape = len(offsets), len(offsets)
    return Occlusion(
        side,
        offsets,
        np.concatenate(probabilities).reshape(shape),
        np.concatenate(answers).reshape(shape),
    )
