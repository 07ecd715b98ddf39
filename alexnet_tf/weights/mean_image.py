"""The mean image that belongs to exported weights."""

from __future__ import annotations

import os
import re

import numpy as np

from tfrecords import errors
from tfrecords.shards.statistics import Statistics


def make_path(weights_path: str, channel_order: str) -> str:
    """The file of the mean beside a file of weights: "w.npz.mean_bgr.npy".

    It has the whole name of the weights, so that no other export's mean is written over
    it, and the order of its channels. (Earlier versions wrote "w.mean.npy".)
    """
    return f"{weights_path}.mean_{channel_order}.npy"


def check_order(path: str, channel_order: str) -> None:
    """Raises `UserError` if the name of a mean, as `make_path`, has another order."""
    found = re.search(r"\.mean_(rgb|bgr)\.npy$", os.path.basename(path))
    if found and found[1] != channel_order:
        raise errors.UserError(
            f"{path} has its channels in the order {found[1]}, as its name says, but "
            f"the weights are read as {channel_order}. Give the mean that was exported "
            f"with them, or --channel_order={found[1]}."
        )


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
