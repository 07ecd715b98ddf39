"""An image's way into a record: decoded, made 256x256, encoded.

By Pillow with the cubic filter of `resize`, or by OpenCV as the authors' converter has
it (`authors_resize`).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image

from tfrecords.conversion import plan
from tfrecords.images import authors_resize, decoder, resize, turbo_jpeg
from tfrecords.shards import schema


@dataclasses.dataclass(frozen=True)
class Shrunk:
    """An image as it will be stored.

    Attributes:
      encoded: a JPEG's bytes, or the pixels'.
      pixels: uint8 [image_size, image_size, 3], before they were encoded.
      height: of the image as it came, in pixels.
      width: likewise.
    """

    encoded: bytes
    pixels: np.ndarray
    height: int
    width: int


def get_format(settings: plan.ConvertSettings) -> bytes:
    """What `image/format` says of the encoded images."""
    return schema.FORMAT_RAW if settings.encoding == "raw" else schema.FORMAT_JPEG


def shrink(image: bytes | np.ndarray, settings: plan.ConvertSettings) -> Shrunk:
    """Makes an image of any size one of the records'.

    Args:
      image: a file's bytes, or uint8 [height, width, 3].
      settings: as decided by `plan.make_plan`.

    Raises:
      ImageError: where it cannot be decoded.
    """
    if settings.resizing == "authors":
        return _shrink_as_authors(image, settings)
    return _shrink_by_pillow(image, settings)


def _shrink_by_pillow(
    stored: bytes | np.ndarray, settings: plan.ConvertSettings
) -> Shrunk:
    # Pillow's from decoding to encoding: arrays in between would be copies.
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
    return Shrunk(encoded, np.asarray(image), original.height, original.width)


def _shrink_as_authors(
    image: bytes | np.ndarray, settings: plan.ConvertSettings
) -> Shrunk:
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
    return Shrunk(encoded, pixels, *image.shape[:2])
