"""Encoded images to pixels, in TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf

from alexnet_tf.data import bmp, gif, stateless_checks
from tfrecords.images import decoder


def decode_image(
    image_bytes: tf.Tensor, max_pixels: int = decoder.MAX_PIXELS
) -> tf.Tensor:
    """Decodes a JPEG, PNG, BMP or a GIF's first frame; the content decides which it is.

    WebP too where TensorFlow knows it (2.21 does, 2.15 does not). Nothing is decoded of
    an image that is larger than allowed, or of a GIF's other frames. Metadata decides
    nothing, as in `images.decoder`, with which this agrees except here: an animated
    WebP, a GIF with an empty comment, and a BMP that is compressed, of OS/2 or not of
    8, 24 or 32 bits a pixel are refused; the transparent pixels of a GIF are black.
    Runs on the CPU, as all of `tf.data` does.

    Args:
      image_bytes: string scalar, the file's bytes.
      max_pixels: width times height allowed; the converter's limit.

    Returns:
      uint8 [height, width, 3], RGB.

    Raises:
      tf.errors.InvalidArgumentError: where they are no such image, or it is too large.
    """
    is_gif = tf.strings.substr(image_bytes, 0, 4) == b"GIF8"
    image_bytes, num_pixels = tf.cond(
        is_gif,
        lambda: gif.keep_first_frame(image_bytes),
        lambda: (tf.identity(image_bytes), read_num_pixels(image_bytes)),
    )
    num_bytes = tf.cast(tf.strings.length(image_bytes), tf.int64)
    num_bytes = stateless_checks.require(
        num_pixels <= max_pixels,
        [f"it has more than {max_pixels} pixels: ", num_pixels],
        num_bytes,
    )
    # The bytes depend on the check, so that it comes before the decoder.
    image_bytes = tf.strings.substr(image_bytes, tf.constant(0, tf.int64), num_bytes)
    image = tf.cond(
        tf.io.is_jpeg(image_bytes),
        lambda: decode_jpeg(image_bytes),
        lambda: _decode_others(image_bytes),
    )
    return tf.ensure_shape(image, [None, None, 3])


def decode_jpeg(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG, string scalar, to uint8 [height, width, 3], RGB.

    Accurately, as Pillow does: TensorFlow's default is faster and coarser.

    Raises:
      tf.errors.InvalidArgumentError: where it is no JPEG.
    """
    return tf.io.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE")


def _decode_others(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes what is no JPEG to uint8 [height, width, 3], RGB."""

    def starts_with(text: bytes, place: int = 0) -> tf.Tensor:
        # Of bytes that end before `place`, `substr` would complain.
        head = tf.io.decode_raw(image_bytes, tf.uint8, fixed_length=32)
        return tf.reduce_all(head[place : place + len(text)] == list(text))

    def decode_any() -> tf.Tensor:
        return tf.io.decode_image(image_bytes, channels=3, expand_animations=False)

    def decode_still_webp() -> tf.Tensor:
        # TensorFlow gives a WebP with alpha as four channels or not at all.
        return tf.io.decode_image(image_bytes, expand_animations=False)[..., :3]

    flags = tf.io.decode_raw(image_bytes, tf.uint8, fixed_length=32)[20]
    is_animation = starts_with(b"VP8X", 12) & (flags // 2 % 2 == 1)
    is_webp = starts_with(b"RIFF") & starts_with(b"WEBP", 8)
    return tf.cond(
        starts_with(b"BM"),
        lambda: bmp.decode(image_bytes),
        lambda: tf.cond(is_webp & ~is_animation, decode_still_webp, decode_any),
    )


def read_num_pixels(image_bytes: tf.Tensor) -> tf.Tensor:
    """Width times height as an image's header gives them, before anything is decoded.

    A file of a few kilobytes may claim gigabytes of pixels, and TensorFlow's decoders
    allocate what it claims. A GIF's first frame has a header of its own: see `gif`.

    Args:
      image_bytes: string scalar.

    Returns:
      int64 scalar; 0 for a GIF, and where the bytes begin like no format that is
      decoded here.

    Raises:
      tf.errors.InvalidArgumentError: where a JPEG has no size.
    """
    head = tf.cast(tf.io.decode_raw(image_bytes, tf.uint8, fixed_length=32), tf.int64)

    def read(*places: int) -> tf.Tensor:
        # The bytes at `places` as one number, the most significant first.
        number = tf.constant(0, tf.int64)
        for place in places:
            number = 256 * number + head[place]
        return number

    def starts_with(text: bytes, place: int = 0) -> tf.Tensor:
        return tf.reduce_all(head[place : place + len(text)] == list(text))

    # Each format's width times its height.
    png = read(16, 17, 18, 19) * read(20, 21, 22, 23)
    # The height of a BMP that is stored from the top is negative.
    height = read(25, 24, 23, 22)
    bmp = read(21, 20, 19, 18) * tf.minimum(height, 2**32 - height)
    # WebP has three headers: extended, without loss, and with loss.
    extended = (1 + read(26, 25, 24)) * (1 + read(29, 28, 27))
    packed = read(24, 23, 22, 21)
    lossless = (1 + packed % 2**14) * (1 + packed // 2**14 % 2**14)
    lossy = (read(27, 26) % 2**14) * (read(29, 28) % 2**14)
    webp = tf.where(
        starts_with(b"VP8X", 12),
        extended,
        tf.where(starts_with(b"VP8L", 12), lossless, lossy),
    )
    others = tf.constant(0, tf.int64)
    for is_format, num_pixels in (
        (starts_with(b"\x89PNG"), png),
        (starts_with(b"BM"), bmp),
        (starts_with(b"RIFF") & starts_with(b"WEBP", 8), webp),
    ):
        others = tf.where(is_format, num_pixels, others)
    return tf.cond(
        tf.io.is_jpeg(image_bytes),
        lambda: tf.reduce_prod(tf.io.extract_jpeg_shape(image_bytes, tf.int64)[:2]),
        lambda: others,
    )
