"""Tests of `alexnet_tf.data.bmp`, against Pillow."""

import struct
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_tf.data import bmp
from tests import odd_metadata
from tfrecords.images import decoder

PIXELS, ALPHA = odd_metadata.PIXELS, odd_metadata.ALPHA
HEIGHT, WIDTH = PIXELS.shape[:2]


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decode_in_a_graph(image_bytes):
    return bmp.decode(image_bytes)


def make_bit_fields(*masks):
    """A BMP of 32 bits per pixel with the channels in `masks`: red, green, blue."""
    order = [{0xFF: 0, 0xFF00: 1, 0xFF0000: 2}[mask] for mask in masks]
    rows = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    rows[..., order] = PIXELS[::-1]
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 32, 3, 0, 0, 0, 0, 0)
    return (
        b"BM"
        + struct.pack("<IHHI", 0, 0, 0, 66)
        + header
        + struct.pack("<III", *masks)
        + rows.tobytes()
    )


def from_the_top(data):
    return data[:22] + struct.pack("<i", -HEIGHT) + data[26:]


@pytest.mark.parametrize(
    "data",
    [
        odd_metadata.BMP,
        from_the_top(odd_metadata.BMP) + b"junk",
        odd_metadata.PALETTE_BMP,
        from_the_top(odd_metadata.PALETTE_BMP),
        odd_metadata.save(odd_metadata.GRAY, "BMP"),
        odd_metadata.save(PIXELS[:, :37], "BMP") + b"junk",
        odd_metadata.save(Image.fromarray(PIXELS[:, :37]).quantize(256), "BMP"),
        odd_metadata.save(np.dstack([PIXELS, ALPHA]), "BMP"),
        make_bit_fields(0xFF0000, 0xFF00, 0xFF),
    ],
)
def test_agrees_with_the_converter(data):
    expected = decoder.decode_pixels(data, apply_orientation=False)
    for decode in (bmp.decode, decode_in_a_graph):
        np.testing.assert_array_equal(decode(tf.constant(data)), expected)


def compress(data, kind=1):
    return data[:30] + bytes([kind]) + data[31:]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"BM",
        b"BM" + bytes(100),
        b"BM" + b"\xff" * 100,
        odd_metadata.BMP[:-1],
        odd_metadata.PALETTE_BMP[:10] + bytes(4) + odd_metadata.PALETTE_BMP[14:],
        compress(odd_metadata.PALETTE_BMP),
        compress(odd_metadata.BMP),
        make_bit_fields(0xFF, 0xFF00, 0xFF0000),
        odd_metadata.save(Image.fromarray(odd_metadata.GRAY).convert("1"), "BMP"),
        b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 2, 1, 1, 24) + bytes(20),
    ],
)
def test_what_is_not_decoded_here_raises(data):
    for decode in (bmp.decode, decode_in_a_graph):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode(tf.constant(data))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
