"""Tests of `alexnet_tf.data.decoding`, against Pillow."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_tf.data import decoding
from tests import data_directories, odd_metadata
from tests.alexnet_tf import animations
from tfrecords.images import decoder

IMAGE = data_directories.draw_image(0, 3, np.random.default_rng(0), 40, 56)


def encode(image_format, mode="RGB", **settings):
    stream = io.BytesIO()
    Image.fromarray(IMAGE).convert(mode).save(stream, image_format, **settings)
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
    image = decoding.decode_image(tf.constant(data)).numpy()
    assert image.dtype == np.uint8 and image.shape == (40, 56, 3)
    np.testing.assert_array_equal(image, decode_with_pillow(data))


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def _decode(image_bytes):
    return decoding.decode_image(image_bytes)


def decode(data):
    return _decode(tf.constant(data)).numpy()


@pytest.mark.parametrize("name", odd_metadata.SOUND)
def test_metadata_changes_no_pixel_as_in_the_converter(name):
    if name.startswith("webp") and not _knows_webp():
        pytest.skip("this TensorFlow decodes no WebP")
    data, _ = odd_metadata.SOUND[name]
    expected = decoder.decode_pixels(data, apply_orientation=False)
    np.testing.assert_array_equal(decode(data), expected)


def _knows_webp():
    return not tf.__version__.startswith("2.15.")


@pytest.mark.parametrize("name", [*odd_metadata.DAMAGED, *odd_metadata.CONVERTER_ALONE])
def test_what_the_converter_refuses_and_a_few_more_raise(name):
    data, _ = odd_metadata.CONVERTER_ALONE.get(name) or (odd_metadata.DAMAGED[name], 0)
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(data)


def test_a_gifs_transparent_pixels_are_black():
    transparent = odd_metadata.insert_gif(b"!\xf9\4\1\0\0\0\0")
    palette = np.frombuffer(odd_metadata.GIF[13:16], np.uint8)
    pixels = decode(odd_metadata.GIF)
    has_first_color = (pixels == palette).all(-1, keepdims=True)
    assert has_first_color.any() and palette.any()
    np.testing.assert_array_equal(
        decode(transparent), np.where(has_first_color, 0, pixels)
    )


def test_of_a_gif_the_first_frame_counts():
    stream = io.BytesIO()
    frames = [Image.fromarray(IMAGE), Image.fromarray(255 - IMAGE)]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    image = decoding.decode_image(tf.constant(stream.getvalue())).numpy()
    np.testing.assert_array_equal(image, decode_with_pillow(stream.getvalue()))


def test_of_a_gifs_other_frames_nothing_is_decoded():
    # TensorFlow would make the image as large as the largest frame claims to be.
    data = encode("GIF")
    animated = animations.append_frame(data, 900, 700)
    image = decoding.decode_image(tf.constant(animated)).numpy()
    np.testing.assert_array_equal(image, decode_with_pillow(data))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "BMP", "GIF"])
def test_the_number_of_pixels_is_limited(image_format):
    data = tf.constant(encode(image_format))
    assert decoding.decode_image(data, max_pixels=40 * 56).shape == (40, 56, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 2239 pixels"):
        decoding.decode_image(data, max_pixels=40 * 56 - 1)


def test_the_limit_is_the_converters():
    (limit,) = decoding.decode_image.__defaults__
    assert limit == decoder.MAX_PIXELS


@pytest.mark.parametrize(
    "data", [b"", b"no image", encode("JPEG")[:200], encode("PNG")[:90]]
)
def test_what_is_no_image_raises(data):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoding.decode_image(tf.constant(data))


@pytest.mark.parametrize(
    "data",
    [
        encode("JPEG"),
        encode("JPEG", progressive=True),
        encode("PNG"),
        encode("BMP"),
        encode("WEBP", lossless=True),
        encode("WEBP", quality=80),
        encode("WEBP", quality=80, exif=b"Exif"),
    ],
)
def test_the_size_is_read_from_the_header_alone(data):
    assert decoding.read_num_pixels(tf.constant(data)).numpy() == 40 * 56
    # Only the header matters, except for the segments of a JPEG.
    if not data.startswith(b"\xff\xd8"):
        assert decoding.read_num_pixels(tf.constant(data[:40])).numpy() == 40 * 56


def test_claims_of_gigabytes_are_seen_and_other_bytes_have_no_size():
    png = bytearray(encode("PNG"))
    png[16:24] = (65_500).to_bytes(4, "big") * 2
    assert decoding.read_num_pixels(tf.constant(bytes(png))).numpy() == 65_500**2
    bmp = bytearray(encode("BMP"))
    bmp[22:26] = (-40).to_bytes(4, "little", signed=True)
    assert decoding.read_num_pixels(tf.constant(bytes(bmp))).numpy() == 40 * 56
    for data in (b"", b"<html>", b"\x89PN"):
        assert decoding.read_num_pixels(tf.constant(data)).numpy() == 0


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
