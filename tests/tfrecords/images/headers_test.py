"""Headers read byte by byte; `images_test` holds whole images against decoders."""

import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from tfrecords.images import headers


def _save(image_format, size=(37, 21), **settings):
    stream = io.BytesIO()
    Image.new("RGB", size, (10, 200, 30)).save(stream, image_format, **settings)
    return stream.getvalue()


def _make_exif(order, value, *, kind=3, tag=0x0112):
    """A TIFF structure of one entry."""
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return mark + struct.pack(order + "IHHHIHHI", 8, 1, tag, kind, 1, value, 0, 0)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (_save("JPEG"), "JPEG"),
        (_save("JPEG", progressive=True), "JPEG"),
        (_save("PNG"), "PNG"),
        (_save("GIF"), "GIF"),
        (_save("BMP"), "BMP"),
        (_save("WEBP"), "WEBP"),
        (_save("WEBP", lossless=True), "WEBP"),
        (_save("WEBP", exif=b"Exif\0\0" + _make_exif("<", 1)), "WEBP"),
    ],
)
def test_dimensions(data, expected):
    assert headers.read_dimensions(data) == (expected, 37, 21)


def test_large_webp_dimensions_use_all_bits():
    data = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x01\x02\x03\x04\x05\x06"
    assert headers.read_dimensions(data) == ("WEBP", 0x030202, 0x060505)


def test_bmp_of_os2_and_from_the_top():
    data = b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 37, 21, 1, 24)
    assert headers.read_dimensions(data) == ("BMP", 37, 21)
    data = b"BM" + bytes(12) + struct.pack("<Iii", 40, 37, -21)
    assert headers.read_dimensions(data) == ("BMP", 37, 21)
    data = b"BM" + bytes(12) + struct.pack("<Iii", 40, -37, 21)
    with pytest.raises(headers.ImageError, match="-37x21"):
        headers.read_dimensions(data)


def test_jpeg_is_stripped_of_metadata_only():
    exif = _make_exif(">", 6)
    data = _save("JPEG", exif=b"Exif\0\0" + exif, comment=b"secret", dpi=(72, 72))
    header = headers.parse_jpeg(data)
    assert (header.width, header.height) == (37, 21)
    assert header.exif == exif
    assert not header.has_adobe_marker
    stripped = headers.strip_jpeg(data, header)
    assert b"secret" in data
    assert b"secret" not in stripped
    assert b"Exif" not in stripped
    assert b"JFIF" in stripped
    with (
        Image.open(io.BytesIO(data)) as before,
        Image.open(io.BytesIO(stripped)) as now,
    ):
        np.testing.assert_array_equal(np.asarray(before), np.asarray(now))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(order, orientation):
    exif = _make_exif(order, orientation)
    assert headers.read_orientation(exif) == orientation
    assert headers.read_orientation(b"Exif\0\0" + exif) == orientation


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"XX*\0" + bytes(20),
        _make_exif("<", 0),
        _make_exif("<", 9),
        _make_exif("<", 6, kind=5),
        _make_exif("<", 6, tag=0x0100),
        _make_exif("<", 6)[:18],
        b"II*\0\xff\xff\xff\xff",
    ],
)
def test_orientation_that_says_nothing_valid_is_upright(exif):
    assert headers.read_orientation(exif) == 1


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
