"""The mean image that belongs to exported weights."""

from __future__ import annotations

import numpy as np

from tfrecords.shards.statistics import Statistics


def make(mean: str, statistics: Statistics, channel_order: str) -> np.ndarray:
    """The mean that is subtracted from images: float32 [side, side, 3], 0..255.

    It has one colour if `mean`, the setting `data.mean`, is "channel". The channels are
    in the order "rgb" or "bgr".
    """
    image = statistics.mean_image
    if mean == "channel":
        image = np.broadcast_to(statistics.mean_rgb, image.shape)
    if channel_order == "bgr":
        image = image[..., ::-1]
    return np.ascontiguousarray(image, np.float32)
