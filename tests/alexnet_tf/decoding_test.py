"""Tests of `alexnet_tf.decoding`, against Pillow."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_tf import decoding
from tests import data_directories

PICTURE = data_directories.draw_picture(0, 3, np.random.default_rng(0), 40, 56)


def encode(picture_format, mode="RGB", **settings):
    stream = io.BytesIO()
    Image.fromarray(PICTURE).convert(mode).save(stream, picture_format, **settings)
    return stream.getvalue()


def decode_with_pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize(
    "data",
    [
        encode("JPEG", quality=95, subsampling=0),
        encode("JPEG", quality=80),
        encode("JPEG", "L"),
        encode("PNG"),
        encode("PNG", "L"),
        encode("PNG", "P"),
        encode("BMP"),
        encode("GIF"),
    ],
)
def test_every_format_comes_out_as_pillow_decodes_it(data):
    image = decoding.decode_picture(tf.constant(data)).numpy()
    assert image.dtype == np.uint8 and image.shape == (40, 56, 3)
    np.testing.assert_array_equal(image, decode_with_pillow(data))


def test_of_a_gif_the_first_frame_counts():
    stream = io.BytesIO()
    frames = [Image.fromarray(PICTURE), Image.fromarray(255 - PICTURE)]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    image = decoding.decode_picture(tf.constant(stream.getvalue())).numpy()
    np.testing.assert_array_equal(image, decode_with_pillow(stream.getvalue()))


@pytest.mark.parametrize(
    "data", [b"", b"no picture", encode("JPEG")[:200], encode("PNG")[:90]]
)
def test_what_is_no_picture_raises(data):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoding.decode_picture(tf.constant(data))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
