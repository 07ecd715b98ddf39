"""Encoded pictures to pixels, in TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf


def decode_picture(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG, PNG, BMP or a GIF's first frame; the content decides which it is.

    WebP too where TensorFlow knows it (2.21 does, 2.15 does not).

    Args:
      image_bytes: string scalar, the file's bytes.

    Returns:
      uint8 [height, width, 3], RGB.

    Raises:
      tf.errors.InvalidArgumentError: where they are no such picture.
    """
    image = tf.cond(
        tf.io.is_jpeg(image_bytes),
        lambda: decode_jpeg(image_bytes),
        lambda: tf.io.decode_image(image_bytes, channels=3, expand_animations=False),
    )
    return tf.ensure_shape(image, [None, None, 3])


def decode_jpeg(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG, string scalar, to uint8 [height, width, 3], RGB.

    Accurately, as Pillow does: TensorFlow's default is faster and coarser.

    Raises:
      tf.errors.InvalidArgumentError: where it is no JPEG.
    """
    return tf.io.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE")
