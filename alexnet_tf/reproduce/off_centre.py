"""Errors by how far an object is from the middle of the image (section 6.1).

"Notice that even off-centre objects [...] can be recognized by the net." The drawn
shapes have known places: the centroid of the pixels that a shape covers, relative to
the middle of the image, in shorter sides. Small shapes can be farther off than large
ones, so distance and size are not independent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from tfrecords.images import resize
from tfrecords.sources.sample import drawing, shapes

# Drawn from another seed than the data set's: images that no network has seen.
_SEED = 1
_SPLIT = "validation"
IMAGE_SIZE = 256


def draw_shapes(num_per_class: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws new images of the ten shapes.

    Returns:
      uint8 images [N, 256, 256, 3], labels int64 [N], and distances float64 [N] of the
      shapes from the middle, in shorter sides of the drawn image (0 to about 0.4).
    """
    images, labels, distances = [], [], []
    for label, name in enumerate(drawing.CLASSES):
        if name not in shapes.SHAPES:
            continue
        for index in range(num_per_class):
            image, mask = drawing.draw_with_coverage(_SEED, _SPLIT, label, index)
            images.append(resize.resize_and_crop(np.asarray(image), IMAGE_SIZE))
            labels.append(label)
            distances.append(compute_distance(mask))
    return np.stack(images), np.array(labels), np.array(distances)


def compute_distance(mask: Image.Image) -> float:
    """Distance of a mask's centroid from the middle, in shorter sides."""
    weights = np.asarray(mask, np.float64)
    height, width = weights.shape
    y, x = (np.arange(size) + 0.5 - size / 2 for size in (height, width))
    total = weights.sum()
    centre_y = (weights.sum(1) * y).sum() / total
    centre_x = (weights.sum(0) * x).sum() / total
    return float(np.hypot(centre_y, centre_x) / min(height, width))


def measure(
    compute: Callable[[np.ndarray], np.ndarray], num_per_class: int = 60
) -> dict[str, Any]:
    """Top-1 errors of the thirds that are nearest to the middle, between, and farthest.

    Args:
      compute: uint8 images [N, 256, 256, 3] to probabilities [N, 20].
      num_per_class: images of each shape.

    Returns:
      JSON values: "near", "middle", "far", errors 0..1; "distances", the mean of each
      third; "num_images".
    """
    images, labels, distances = draw_shapes(num_per_class)
    parts = [compute(images[i : i + 100]) for i in range(0, len(images), 100)]
    wrong = np.concatenate(parts).argmax(1) != labels
    thirds = np.array_split(np.argsort(distances, kind="stable"), 3)
    errors = [float(wrong[third].mean()) for third in thirds]
    return {
        **dict(zip(("near", "middle", "far"), errors, strict=True)),
        "distances": [round(float(distances[third].mean()), 4) for third in thirds],
        "num_images": len(labels),
    }
