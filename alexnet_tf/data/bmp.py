"""Decodes BMPs with TensorFlow ops.

TensorFlow's decoder rejects a BMP with data after its pixels, such as a colour profile,
and treats palette indices as shades of gray.

Source: Microsoft's BITMAPINFOHEADER and BITMAPV4HEADER.
"""

from __future__ import annotations

import tensorflow as tf

from alexnet_tf.data import stateless_checks

_FILE_HEADER_BYTES = 14
_INFO_HEADER_BYTES = 40  # later versions are longer, with the same beginning
_UNCOMPRESSED, _BIT_FIELDS = 0, 3
_USUAL_RED = 0x00FF0000


def decode(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes an uncompressed BMP of 8 (with a palette), 24 or 32 bits per pixel.

    Takes the file's bytes, string scalar. Returns uint8 [height, width, 3], RGB; alpha
    is dropped. Raises `tf.errors.InvalidArgumentError` if the bytes are not such a BMP.
    """
    halves = tf.io.decode_raw(image_bytes, tf.uint16, fixed_length=64)
    halves = tf.cast(halves, tf.int64)

    def read(place: int) -> tf.Tensor:
        # Four bytes, least significant first.
        return halves[place // 2] + 2**16 * halves[place // 2 + 1]

    pixels_place, header_bytes = read(10), read(14)
    num_bits, compression = halves[28 // 2], read(30)
    has_usual_fields = (
        (compression == _BIT_FIELDS) & (num_bits == 32) & (read(54) == _USUAL_RED)
    )
    pixels_place = stateless_checks.require(
        (header_bytes >= _INFO_HEADER_BYTES)
        & (pixels_place >= _FILE_HEADER_BYTES + header_bytes)
        & ((compression == _UNCOMPRESSED) | has_usual_fields),
        ["this kind of BMP is not supported"],
        pixels_place,
    )
    # Rows are padded to 4 bytes; a negative height means that the top row comes first.
    row_bytes = (read(18) * num_bits + 31) // 32 * 4
    height = tf.minimum(read(22), 2**32 - read(22))
    start = tf.constant(0, tf.int64)
    bmp = tf.strings.substr(image_bytes, start, pixels_place + row_bytes * height)
    image = tf.io.decode_bmp(bmp, channels=0)

    def apply_palette() -> tf.Tensor:
        place = _FILE_HEADER_BYTES + header_bytes
        colors = tf.strings.substr(image_bytes, place, pixels_place - place)
        # At most 256 entries of blue, green, red and an unused byte.
        palette = tf.io.decode_raw(colors, tf.uint8, fixed_length=4 * 256)
        palette = tf.reshape(palette, [256, 4])[:, 2::-1]
        return tf.gather(palette, tf.cast(image[..., 0], tf.int32))

    return tf.cond(num_bits == 8, apply_palette, lambda: image[..., :3])
