"""Prepares an image for its record: decoded, made 256x256, encoded.

With Pillow and the cubic filter of `resize`, or with OpenCV as in the authors' own
converter (`authors_resize`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from tfrecords.conversion import plan
from tfrecords.images import authors_resize, decoder, resize, turbo_jpeg


class PreparedImage(NamedTuple):
    """An image as it will be stored."""

    encoded: bytes  # a JPEG, or the pixels' bytes
    pixels: np.ndarray  # uint8 [image_size, image_size, 3], before they were encoded
    height: int  # of the original image, in pixels
    width: int


def prepare(image: bytes | np.ndarray, settings: plan.ConvertSettings) -> PreparedImage:
    """Makes an image of any size one that can be stored.

    `image` is a file's bytes, or uint8 [height, width, 3]; `settings` are completed by
    `plan.make_plan`. Raises `ImageError` if the image cannot be decoded.
    """
    is_raw, quality = settings.encoding == "raw", settings.jpeg_quality
    options: dict[str, Any] = {
        "apply_orientation": bool(settings.apply_orientation),
        "max_pixels": settings.max_pixels,
    }
    if settings.resizing == "authors":
        if not isinstance(image, np.ndarray):
            image = turbo_jpeg.decode_pixels(image, **options)
        pixels = authors_resize.resize_and_crop(image, settings.image_size)
        encoded = (
            pixels.tobytes() if is_raw else turbo_jpeg.encode_jpeg(pixels, quality)
        )
        return PreparedImage(encoded, pixels, *image.shape[:2])
    # A Pillow image from decoding to encoding: arrays in between would be copies.
    if isinstance(image, np.ndarray):
        original = Image.fromarray(image)
    else:
        original = decoder.decode_image(image, **options)
    resized = resize.resize_and_crop_image(original, settings.image_size)
    encoded = resized.tobytes() if is_raw else decoder.encode_jpeg(resized, quality)
    return PreparedImage(encoded, np.asarray(resized), original.height, original.width)
