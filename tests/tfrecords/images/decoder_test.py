"""Every kind of image that may come: right pixels."""

import io
import os
import struct
import sys
import tarfile
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.tfrecords.encoded_images import (
    BASELINE,
    HEIGHT,
    IMAGE,
    JPEGS,
    LOSSLESS,
    WIDTH,
    chunk,
    decode,
    insert_segment,
    make_png,
    save,
)
from tfrecords.images import decoder


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_are_exact(name):
    data, expected = LOSSLESS[name]
    result = decode(data)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)
    image_format = name.split()[0].upper().replace("APNG", "PNG")
    assert decoder.read_dimensions(data) == (image_format, WIDTH, HEIGHT)


@pytest.mark.parametrize("name", JPEGS)
def test_jpegs_are_near_the_original_and_tensorflow(name):
    import tensorflow as tf

    data, expected = JPEGS[name]
    result = decode(data)
    difference = np.abs(result.astype(int) - expected)
    assert difference.mean() < 1.5
    assert difference.max() < 40  # at the disc's edge, quality 95
    reference = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    assert np.abs(result.astype(int) - reference.numpy()).max() <= 3
    assert decoder.read_dimensions(data) == ("JPEG", WIDTH, HEIGHT)


def test_lossy_webp():
    result = decode(save(IMAGE, "WEBP", quality=95))
    assert np.abs(result.astype(int) - IMAGE).mean() < 4


def test_sizes_of_one_row_or_pixel():
    for height, width in ((1, 1), (1, 65500), (65500, 1)):
        image = np.full((height, width, 3), 120, np.uint8)
        np.testing.assert_array_equal(
            decode(decoder.encode_jpeg(Image.fromarray(image))), image
        )


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_only_where_asked(image_format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    settings = {"lossless": True} if image_format == "WEBP" else {}
    data = save(IMAGE, image_format, exif=exif, **settings)
    untagged = decode(save(IMAGE, image_format, **settings))
    np.testing.assert_array_equal(decode(data), untagged)
    with Image.open(io.BytesIO(data)) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    result = decoder.decode_pixels(data, apply_orientation=True)
    np.testing.assert_array_equal(result, upright)
    if orientation == 6:  # the camera's right side is the image's top
        np.testing.assert_array_equal(result, np.rot90(untagged, -1))


def test_orientation_in_big_endian_exif():
    # Header, one directory of two entries, the second of them the orientation: 3.
    tiff = b"MM\0*\0\0\0\x08\0\x02" + bytes.fromhex(
        "010f 0002 00000002 41000000 0112 0003 00000001 00030000 00000000"
    )
    data = insert_segment(BASELINE, 0xE1, b"Exif\0\0" + tiff)
    np.testing.assert_array_equal(
        decoder.decode_pixels(data, apply_orientation=True),
        decode(BASELINE)[::-1, ::-1],
    )


@pytest.mark.parametrize(
    "metadata",
    [
        (0xE1, b"Exif\0\0"),
        (0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"),
        (0xE1, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x03"),
        (0xE1, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0"),
        (0xE1, b"Exif\0\0" + bytes(range(256))),
        (0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff"),
        (0xE2, b"ICC_PROFILE\0\x01\x09" + bytes(60_000)),
        (0xED, b"Photoshop 3.0\0008BIM\x03\xed\xff"),
        (0xFE, bytes(65_000)),
    ],
)
def test_damaged_metadata_of_a_jpeg_is_ignored(metadata):
    data = insert_segment(_remove_jfif(BASELINE), *metadata)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = decoder.decode_pixels(data, apply_orientation=True)
    np.testing.assert_array_equal(result, decode(BASELINE))


def _remove_jfif(jpeg):
    # Without it Pillow would look for the resolution in the Exif data.
    assert jpeg[2:4] == b"\xff\xe0"
    (length,) = struct.unpack_from(">H", jpeg, 4)
    return jpeg[:2] + jpeg[4 + length :]


def test_nothing_is_printed_or_warned(capfd):
    invalid_animation = make_png(
        IMAGE, 8, 2, before=chunk(b"acTL", bytes(8)) + chunk(b"fcTL", bytes(26))
    )
    cases = [
        *(data for data, _ in LOSSLESS.values()),
        *(data for data, _ in JPEGS.values()),
        invalid_animation,
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for data in cases:
            decode(data)
    assert [str(warning.message) for warning in caught] == []
    np.testing.assert_array_equal(decode(invalid_animation), IMAGE)
    assert capfd.readouterr() == ("", "")


def test_trailing_garbage_is_ignored():
    for data in (BASELINE, LOSSLESS["png rgb"][0], LOSSLESS["gif"][0]):
        np.testing.assert_array_equal(
            decode(data + b"\xff\xd8<html>" * 50), decode(data)
        )


def test_fill_bytes_and_junk_between_segments_are_skipped():
    data = BASELINE[:2] + b"\xff\xff\xff" + BASELINE[2:]
    np.testing.assert_array_equal(decode(data), decode(BASELINE))


def test_gif_frame_beyond_the_screen_is_counted():
    data = bytearray(LOSSLESS["gif"][0])
    data[6:10] = struct.pack("<HH", 10, 10)
    assert decoder.read_dimensions(bytes(data)) == ("GIF", WIDTH, HEIGHT)
    np.testing.assert_array_equal(decode(bytes(data)), LOSSLESS["gif"][1])


def test_encoded_jpeg():
    original = Image.fromarray(IMAGE)
    data = decoder.encode_jpeg(original)
    assert data == decoder.encode_jpeg(original.copy())
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (104, 72))
        # Component, then sampling factors: the luminance's are 2x2, that is 4:2:0.
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]
        # Quality 95 is a tenth of the standard's table: 16 becomes 2 (1.6).
        assert image.quantization[0][0] == 2
    assert data == save(IMAGE, "JPEG", quality=95)
    assert np.abs(decode(data).astype(int) - IMAGE).mean() < 2
    assert len(decoder.encode_jpeg(original, quality=50)) < len(data)


@pytest.mark.parametrize(
    ("image_format", "extras"),
    [
        ("GIF", {"comment": b"a comment"}),
        ("PNG", {"dpi": (300, 300), "icc_profile": b"a profile"}),
        ("JPEG", {"comment": b"a comment", "dpi": (300, 300), "exif": b"Exif\0\0"}),
    ],
)
def test_nothing_but_pixels_is_encoded(image_format, extras):
    data = save(IMAGE, image_format, **extras)
    image = decoder.decode_image(data, apply_orientation=False)
    bare = Image.fromarray(np.array(image))
    assert decoder.encode_jpeg(image) == decoder.encode_jpeg(bare)


def test_imagenet_images_pass():
    data_folder = os.environ.get("ALEXNET_TEST_DATA")
    if not data_folder:
        pytest.skip("ALEXNET_TEST_DATA is not set")
    archive = os.path.join(data_folder, "imagenet_native", "one_per_class_250.tar")
    num_images = 0
    with tarfile.open(archive) as tar, warnings.catch_warnings():
        warnings.simplefilter("error")
        for member in tar:
            if not member.isfile():
                continue
            data = tar.extractfile(member).read()
            result = decode(data)
            assert (result.shape[1], result.shape[0]) == decoder.read_dimensions(data)[
                1:
            ]
            with Image.open(io.BytesIO(data)) as image:
                np.testing.assert_array_equal(result, np.asarray(image.convert("RGB")))
            num_images += 1
    assert num_images == 250


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
