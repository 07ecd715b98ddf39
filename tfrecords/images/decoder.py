"""Decodes image files to RGB, or says why they cannot be decoded.

An image file from the internet may be empty, a web page, cut short, of an unexpected
format, or a few kilobytes that claim gigabytes of pixels. So the size is checked before
anything is decoded, and every exception of a decoder becomes an `ImageError`. Nothing
here prints, warns or changes global state.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import (
    Image,
    ImageChops,
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401  (registers itself; else Pillow loads all plugins)
)

from tfrecords.images import headers, metadata

ImageError = headers.ImageError
read_dimensions = headers.read_dimensions

MAX_PIXELS = 64_000_000
# The largest allowed image as an uncompressed four-channel BMP.
MAX_BYTES = 4 * MAX_PIXELS + 1024
# Beyond this Pillow prints a warning.
_PILLOW_MAX_PIXELS = 89_478_485

# Exif 2.32, section 4.6.4: the operation that makes each orientation upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_image(
    data: bytes,
    *,
    apply_orientation: bool,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
) -> Image.Image:
    """Decodes a JPEG, PNG, GIF, BMP or WebP to RGB; the content decides which it is.

    Gray becomes three equal channels. Alpha is dropped, as in torchvision and
    TensorFlow: a transparent pixel shows its stored colour. Of a GIF or an animation
    the first frame is decoded. 16-bit gray is divided by 257 and rounded; of other
    16-bit channels the upper byte is used. CMYK and YCCK become
    RGB = (255 - CMY) * (255 - K) / 255, without colour profiles; a file with Adobe's
    marker stores them inverted, one without it does not, as TensorFlow and browsers
    assume. Bytes after the image's end are ignored, and so is all metadata except the
    orientation, however large or damaged.

    Args:
      data: the file's bytes.
      apply_orientation: whether to rotate the image by its Exif orientation; the
        paper's decoder did not.
      max_pixels: the largest allowed width * height, at most 89,478,485 (the limit of
        Pillow).
      max_bytes: the largest allowed length of `data`.

    Raises:
      ImageError: if it is not such an image, larger than allowed, damaged or cut short.
      ValueError: if `max_pixels` is more than Pillow decodes without a warning.
    """
    if max_pixels > _PILLOW_MAX_PIXELS:
        raise ValueError(f"max_pixels is {max_pixels}, more than {_PILLOW_MAX_PIXELS}")
    if len(data) > max_bytes:
        raise ImageError(f"it has {len(data)} bytes, more than {max_bytes}")
    image_format, width, height = read_dimensions(data)
    if width * height > max_pixels:
        raise ImageError(f"it has {width}x{height} pixels, more than {max_pixels}")

    has_plain_cmyk = False
    exif = b""
    if image_format == "JPEG":
        header = headers.parse_jpeg(data)
        has_plain_cmyk = not header.has_adobe_marker
        exif = header.exif
        data = headers.strip_jpeg(data, header)
    elif image_format == "PNG":
        data, exif = metadata.strip_png(data)
    elif image_format == "GIF":
        data = metadata.strip_gif(data)
    elif image_format == "WEBP":
        data, exif = metadata.strip_webp(data)
    try:
        image = _load(data, image_format, (width, height))
        if apply_orientation:
            orientation = headers.read_orientation(exif)
            if orientation != 1:
                image = image.transpose(_UPRIGHT[orientation])
        if image.mode == "CMYK" and has_plain_cmyk:
            image = ImageChops.invert(image)  # undoes Pillow's inversion
        return _to_rgb(image)
    except ImageError:
        raise
    except Exception as error:  # Pillow raises a dozen types on bad input
        raise ImageError(_explain(error, image_format)) from error


def decode_pixels(data: bytes, *, apply_orientation: bool) -> np.ndarray:
    """`decode_image` with its default limits, as uint8 [height, width, 3]."""
    return np.array(decode_image(data, apply_orientation=apply_orientation))


def encode_jpeg(image: Image.Image, quality: int = 95) -> bytes:
    """Encodes an image of mode RGB as a baseline JPEG with 4:2:0 chroma.

    The bytes depend only on the arguments and libjpeg's version; `quality` is 1..100 on
    libjpeg's scale.
    """
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return stream.getvalue()


def _load(data: bytes, image_format: str, size: tuple[int, int]) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=[image_format])
    if image.size != size:  # not the size that was checked
        raise ImageError(f"the {image_format}'s header contradicts itself")
    image.load()
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit gray, which Pillow would clip to 255
        gray = (np.asarray(image).astype(np.uint32) + 128) // 257
        image = Image.fromarray(gray.astype(np.uint8))
    if image.mode != "RGB":
        # Pillow warns about some kinds of transparency; alpha is dropped anyway.
        image.info.pop("transparency", None)
        image = image.convert("RGB")
    image.info = {}  # a GIF's comment would be written into a JPEG made of it
    return image


def _explain(error: Exception, image_format: str) -> str:
    if isinstance(error, UnidentifiedImageError):
        # Its text has an object's address; the reason must be the same in every run.
        return f"the {image_format}'s header is damaged"
    if isinstance(error, MemoryError):
        return f"there is not enough memory to decode the {image_format}"
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return f"the {image_format} is cut short"
    return f"the {image_format} is damaged ({error})"
