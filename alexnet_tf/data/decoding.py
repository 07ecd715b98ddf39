"""Decodes images with TensorFlow ops."""

from __future__ import annotations

import tensorflow as tf

from alexnet_tf.data import bmp, gif, stateless_checks
from tfrecords.images import decoder


def decode_image(
    image_bytes: tf.Tensor, max_pixels: int = decoder.MAX_PIXELS
) -> tf.Tensor:
    """Decodes a JPEG, PNG, BMP or a GIF's first frame, detected from the content.

    WebP works where TensorFlow supports it (2.21 does, 2.15 does not). An image larger
    than `max_pixels` (width times height) and a GIF's later frames are not decoded at
    all. Metadata is ignored, as in `tfrecords.images.decoder`, which gives the same
    pixels with these exceptions: an animated WebP, a GIF with an empty comment, and a
    BMP that is compressed, from OS/2 or not of 8, 24 or 32 bits per pixel are rejected
    here, and a GIF's transparent pixels are black. Runs on the CPU, as all of `tf.data`
    does.

    Takes the file's bytes, string scalar. Returns uint8 [height, width, 3], RGB. Raises
    `tf.errors.InvalidArgumentError` if the image is invalid or too large.
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
    # Makes the bytes depend on the check, so that it runs before the decoder.
    image_bytes = tf.strings.substr(image_bytes, tf.constant(0, tf.int64), num_bytes)
    image = tf.cond(
        tf.io.is_jpeg(image_bytes),
        lambda: decode_jpeg(image_bytes),
        lambda: _decode_others(image_bytes),
    )
    return tf.ensure_shape(image, [None, None, 3])


def decode_jpeg(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG, string scalar, to uint8 [height, width, 3], RGB.

    Uses the accurate DCT, as Pillow does; TensorFlow's default is faster and coarser.
    Raises `tf.errors.InvalidArgumentError` if the bytes are not a JPEG.
    """
    return tf.io.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE")


def _decode_others(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes an image other than a JPEG to uint8 [height, width, 3], RGB."""

    def decode_any() -> tf.Tensor:
        return tf.io.decode_image(image_bytes, channels=3, expand_animations=False)

    def decode_still_webp() -> tf.Tensor:
        # TensorFlow decodes a WebP with alpha only to four channels.
        return tf.io.decode_image(image_bytes, expand_animations=False)[..., :3]

    head = _read_head(image_bytes)
    is_animation = _starts_with(head, b"VP8X", 12) & (head[20] // 2 % 2 == 1)
    return tf.cond(
        _starts_with(head, b"BM"),
        lambda: bmp.decode(image_bytes),
        lambda: tf.cond(_is_webp(head) & ~is_animation, decode_still_webp, decode_any),
    )


def _read_head(image_bytes: tf.Tensor) -> tf.Tensor:
    # int64 [32], filled up with zeros; `substr` would fail on a shorter file.
    return tf.cast(tf.io.decode_raw(image_bytes, tf.uint8, fixed_length=32), tf.int64)


def _starts_with(head: tf.Tensor, text: bytes, place: int = 0) -> tf.Tensor:
    return tf.reduce_all(head[place : place + len(text)] == list(text))


def _is_webp(head: tf.Tensor) -> tf.Tensor:
    return _starts_with(head, b"RIFF") & _starts_with(head, b"WEBP", 8)


def read_num_pixels(image_bytes: tf.Tensor) -> tf.Tensor:
    """Reads width times height from an image's header, without decoding it.

    A file of a few kilobytes may claim gigabytes of pixels, and TensorFlow's decoders
    would allocate them. A GIF's first frame has its own header: see `gif`.

    Takes a string scalar. Returns an int64 scalar; 0 for a GIF or an unknown format.
    Raises `tf.errors.InvalidArgumentError` if a JPEG has no size.
    """
    head = _read_head(image_bytes)

    def read(*places: int) -> tf.Tensor:
        # The bytes at `places` as one number, most significant first.
        number = tf.constant(0, tf.int64)
        for place in places:
            number = 256 * number + head[place]
        return number

    # Each format's width times its height.
    png = read(16, 17, 18, 19) * read(20, 21, 22, 23)
    # A BMP stored from the top has a negative height.
    height = read(25, 24, 23, 22)
    bmp = read(21, 20, 19, 18) * tf.minimum(height, 2**32 - height)
    # WebP has three headers: extended, lossless and lossy.
    extended = (1 + read(26, 25, 24)) * (1 + read(29, 28, 27))
    packed = read(24, 23, 22, 21)
    lossless = (1 + packed % 2**14) * (1 + packed // 2**14 % 2**14)
    lossy = (read(27, 26) % 2**14) * (read(29, 28) % 2**14)
    webp = tf.where(
        _starts_with(head, b"VP8X", 12),
        extended,
        tf.where(_starts_with(head, b"VP8L", 12), lossless, lossy),
    )
    others = tf.constant(0, tf.int64)
    for is_format, num_pixels in (
        (_starts_with(head, b"\x89PNG"), png),
        (_starts_with(head, b"BM"), bmp),
        (_is_webp(head), webp),
    ):
        others = tf.where(is_format, num_pixels, others)
    return tf.cond(
        tf.io.is_jpeg(image_bytes),
        lambda: tf.reduce_prod(tf.io.extract_jpeg_shape(image_bytes, tf.int64)[:2]),
        lambda: others,
    )
