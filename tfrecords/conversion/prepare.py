"""Prepares an image for its record: decoded, made 256x256, encoded.

With Pillow and the cubic filter of `resize`, or with OpenCV as in the authors' own
converter (`authors_resize`).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image

from tfrecords.conversion import plan
from tfrecords.images import authors_resize, decoder, resize, turbo_jpeg
from tfrecords.shards import schema


@dataclasses.dataclass(frozen=True)
class PreparedImage:
    """An image as it will be stored.

    Attributes:
      encoded: the bytes of a JPEG, or of the pixels.
      pixels: uint8 [image_size, image_size, 3], before they were encoded.
      height: of the original image, in pixels.
      width: of the original image, in pixels.
    """

    encoded: bytes
    pixels: np.ndarray
    height: int
    width: int


def get_format(settings: plan.ConvertSettings) -> bytes:
    """The value of `image/format` for images encoded with `settings`."""
    return schema.FORMAT_RAW if settings.encoding == "raw" else schema.FORMAT_JPEG


def prepare(image: bytes | np.ndarray, settings: plan.ConvertSettings) -> PreparedImage:
    """Makes an image of any size one that can be stored.

    Args:
      image: a file's bytes, or uint8 [height, width, 3].
      settings: as completed by `plan.make_plan`.

    Raises:
      ImageError: if it cannot be decoded.
    """
    if settings.resizing == "authors":
        return _prepare_with_opencv(image, settings)
    return _prepare_with_pillow(image, settings)


def _prepare_with_pillow(
    stored: bytes | np.ndarray, settings: plan.ConvertSettings
) -> PreparedImage:
    # A Pillow image from decoding to encoding: arrays in between would be copies.
    if isinstance(stored, np.ndarray):
        original = Image.fromarray(stored)
    else:
        original = decoder.decode_image(
            stored,
            apply_orientation=bool(settings.apply_orientation),
            max_pixels=settings.max_pixels,
        )
    image = resize.resize_and_crop_image(original, settings.image_size)
    if settings.encoding == "raw":
        encoded = image.tobytes()
    else:
        encoded = decoder.encode_jpeg(image, settings.jpeg_quality)
    return PreparedImage(encoded, np.asarray(image), original.height, original.width)


def _prepare_with_opencv(
    image: bytes | np.ndarray, settings: plan.ConvertSettings
) -> PreparedImage:
    if not isinstance(image, np.ndarray):
        image = turbo_jpeg.decode_pixels(
            image,
            apply_orientation=bool(settings.apply_orientation),
            max_pixels=settings.max_pixels,
        )
    pixels = authors_resize.resize_and_crop(image, settings.image_size)
    if settings.encoding == "raw":
        encoded = pixels.tobytes()
    else:
        encoded = turbo_jpeg.encode_jpeg(pixels, settings.jpeg_quality)
    return PreparedImage(encoded, pixels, *image.shape[:2])
