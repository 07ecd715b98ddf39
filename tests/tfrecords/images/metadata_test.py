"""Images whose metadata is odd: every pixel is read, and nothing else."""

import sys

import numpy as np
import pytest

from tests import odd_metadata
from tfrecords.images import decoder, metadata

UPSIDE_DOWN = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0"


def decode(data, apply_orientation=False):
    return decoder.decode_pixels(data, apply_orientation=apply_orientation)


@pytest.mark.parametrize("name", odd_metadata.SOUND)
def test_odd_metadata_changes_no_pixel(name):
    data, plain = odd_metadata.SOUND[name]
    np.testing.assert_array_equal(decode(data), decode(plain))


@pytest.mark.parametrize("name", odd_metadata.DAMAGED)
def test_damage_to_the_image_itself_is_refused(name):
    with pytest.raises(decoder.ImageError):
        decode(odd_metadata.DAMAGED[name])


@pytest.mark.parametrize("name", odd_metadata.CONVERTER_ALONE)
def test_what_pillow_reads_and_tensorflow_does_not(name):
    data, plain = odd_metadata.CONVERTER_ALONE[name]
    result = decode(data)
    if plain is not None:
        np.testing.assert_array_equal(result, decode(plain))


def test_nothing_but_pixels_is_passed_on():
    chunks = [(b"EXIF", b"x"), (b"ICCP", b"y"), (b"XMP ", b"z")]
    vp8l = odd_metadata.WEBP[12:16], odd_metadata.WEBP[20:]
    vp8x = b"VP8X", bytes([0x2C, 0, 0, 0]) + bytes(6)
    stripped, _ = metadata.strip_webp(odd_metadata.make_webp(vp8x, *chunks, vp8l))
    assert len(stripped) == len(odd_metadata.WEBP) + 18
    assert stripped[20] == 0
    text = odd_metadata.make_chunk(b"tEXt", b"a\0b")
    for png in (odd_metadata.PNG, odd_metadata.PALETTE_PNG):
        assert metadata.strip_png(png) == (png, b"")
        assert metadata.strip_png(odd_metadata.insert_chunks(text, png=png) + b"x") == (
            png,
            b"",
        )


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_the_orientation_is_read_from_what_is_left_out(prefix):
    exif = prefix + UPSIDE_DOWN
    vp8l = odd_metadata.WEBP[12:16], odd_metadata.WEBP[20:]
    sides = bytes([odd_metadata.WIDTH - 1, 0, 0, odd_metadata.HEIGHT - 1, 0, 0])
    vp8x = b"VP8X", bytes(4) + sides
    late = odd_metadata.PNG[:-12] + odd_metadata.make_chunk(b"eXIf", exif)
    for data in (
        odd_metadata.insert_chunks(odd_metadata.make_chunk(b"eXIf", exif)),
        late + odd_metadata.PNG[-12:],
        odd_metadata.make_webp(vp8x, vp8l, (b"EXIF", exif)),
    ):
        turned = decode(data, apply_orientation=True)
        np.testing.assert_array_equal(turned, odd_metadata.PIXELS[::-1, ::-1])
        np.testing.assert_array_equal(decode(data), odd_metadata.PIXELS)


def test_an_orientation_with_a_wrong_checksum_says_nothing():
    chunk = odd_metadata.make_chunk(b"eXIf", UPSIDE_DOWN, crc=1)
    result = decode(odd_metadata.insert_chunks(chunk), apply_orientation=True)
    np.testing.assert_array_equal(result, odd_metadata.PIXELS)


def test_a_gifs_transparent_colour_still_fills_the_screen():
    # A frame of one pixel on a screen of 3 x 1; Pillow fills the rest with colour 1.
    palette = bytes([1, 2, 3, 40, 50, 60])
    frame = b",\0\0\0\0\1\0\1\0\0\x02\x02D\x01\0;"
    screen = b"GIF89a\3\0\1\0\x80\0\0" + palette
    for control, color in ((b"", [1, 2, 3]), (b"!\xf9\4\1\0\0\1\0", [40, 50, 60])):
        np.testing.assert_array_equal(decode(screen + control + frame)[0, 2], color)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
