"""Every kind of picture that may come: right pixels, or a reason and nothing else."""

import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from tfrecords import errors, images

HEIGHT, WIDTH = 72, 104


def _make_picture(height=HEIGHT, width=WIDTH):
    y, x = np.mgrid[:height, :width]
    picture = np.stack(
        [x * 200 // width, y * 200 // height, 90 + 60 * np.sin(x / 15)], axis=-1
    ).astype(np.uint8)
    picture[(x - 30) ** 2 + (y - 40) ** 2 < 300] = [210, 60, 30]
    return picture


PICTURE = _make_picture()
GRAY = np.asarray(Image.fromarray(PICTURE).convert("L"))
ALPHA = np.linspace(0, 255, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint8)


def _save(image, picture_format, **settings):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, picture_format, **settings)
    return stream.getvalue()


def _decode(data, **settings):
    return images.decode_picture(data, apply_orientation=False, **settings)


def _stack(gray):
    return np.stack([gray] * 3, axis=-1)


def _chunk(kind, payload):
    checksum = zlib.crc32(kind + payload)
    return (
        struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", checksum)
    )


def _make_png(rows, bits, color_type, before=b"", after=b""):
    """A PNG of big-endian `rows` [height, width, channels], extra chunks around it."""
    height, width = rows.shape[:2]
    lines = rows.astype(">u2" if bits == 16 else np.uint8).reshape(height, -1)
    raw = b"".join(b"\0" + line.tobytes() for line in lines)
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + before
        + _chunk(b"IDAT", zlib.compress(raw))
        + after
        + _chunk(b"IEND", b"")
    )


def _insert_segment(jpeg, marker, payload):
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload
    return jpeg[:2] + segment + jpeg[2:]


def _patch_size(jpeg, height, width):
    frame = jpeg.index(b"\xff\xc0")
    return jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]


def _repeat_frame_header(jpeg):
    start = jpeg.index(b"\xff\xc0")
    end = start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big")
    return jpeg[:end] + _patch_size(jpeg, 9000, 9000)[start:end] + jpeg[end:]


def _make_cmyk():
    """CMYK uint8 and the RGB it means: RGB = (255 - CMY) * (255 - K) / 255."""
    key = np.full((HEIGHT, WIDTH, 1), 40)
    light = PICTURE.astype(int)
    cmyk = np.concatenate([255 - light, key], axis=-1).astype(np.uint8)
    return cmyk, np.rint(light * (255 - 40) / 255).astype(np.uint8)


def _save_cmyk(cmyk, **settings):
    return _save(Image.frombytes("CMYK", (WIDTH, HEIGHT), cmyk.tobytes()), **settings)


def _remove_adobe(jpeg):
    start = jpeg.index(b"\xff\xee")
    (length,) = struct.unpack_from(">H", jpeg, start + 2)
    return jpeg[:start] + jpeg[start + 2 + length :]


def _make_ycck():
    """The CMY channels as YCbCr, transform 2 in Adobe's marker, by hand."""
    cmyk, expected = _make_cmyk()
    # libjpeg's decoder: CMY as stored = 255 - RGB(YCbCr); Adobe stores CMY inverted.
    ycc = np.asarray(Image.fromarray(cmyk[..., :3]).convert("YCbCr"))
    stored = np.concatenate([ycc, 255 - cmyk[..., 3:]], axis=-1)
    # Pillow inverts what it stores.
    jpeg = _save_cmyk(255 - stored, picture_format="JPEG", quality=95)
    transform = jpeg.index(b"Adobe") + 11
    return jpeg[:transform] + b"\x02" + jpeg[transform + 1 :], expected


def _lossless_cases():
    paletted = Image.fromarray(PICTURE).quantize(64)
    from_palette = np.asarray(paletted.convert("RGB"))
    bilevel = Image.fromarray(GRAY).convert("1")
    rgba = np.dstack([PICTURE, ALPHA])
    gray16 = GRAY.astype(int) * 257
    noise = np.random.default_rng(0).integers(0, 257, GRAY.shape)
    coarse16 = np.minimum(gray16 + noise, 65535)
    rgb16 = PICTURE.astype(int) * 256 + 200
    first, second = paletted, Image.fromarray(255 - PICTURE).quantize(64)
    return {
        "png rgb": (_save(PICTURE, "PNG"), PICTURE),
        "png rgba": (_save(rgba, "PNG"), PICTURE),
        "png gray": (_save(GRAY, "PNG"), _stack(GRAY)),
        "png gray alpha": (_save(np.dstack([GRAY, ALPHA]), "PNG"), _stack(GRAY)),
        "png palette": (_save(paletted, "PNG"), from_palette),
        "png palette, one transparent": (
            _save(paletted, "PNG", transparency=3),
            from_palette,
        ),
        "png palette, alpha table": (
            _save(paletted, "PNG", transparency=bytes(range(64))),
            from_palette,
        ),
        "png rgb, transparent colour": (
            _save(PICTURE, "PNG", transparency=tuple(map(int, PICTURE[0, 0]))),
            PICTURE,
        ),
        "png 1 bit": (_save(bilevel, "PNG"), np.asarray(bilevel.convert("RGB"))),
        "png 16-bit gray": (_make_png(gray16, 16, 0), _stack(GRAY)),
        "png 16-bit gray, rounded": (
            _make_png(coarse16, 16, 0),
            _stack(np.floor(coarse16 / 257 + 0.5).astype(np.uint8)),
        ),
        "png 16-bit gray alpha": (
            _make_png(np.dstack([gray16, ALPHA.astype(int) * 257]), 16, 4),
            _stack(GRAY),
        ),
        "png 16-bit rgb": (_make_png(rgb16, 16, 2), PICTURE),
        "png 16-bit rgba": (
            _make_png(np.dstack([rgb16, ALPHA.astype(int) * 257]), 16, 6),
            PICTURE,
        ),
        "gif": (_save(paletted, "GIF"), from_palette),
        "gif gray": (_save(GRAY, "GIF"), _stack(GRAY)),
        "gif transparent": (_save(paletted, "GIF", transparency=3), from_palette),
        "gif animated": (
            _save(first, "GIF", save_all=True, append_images=[second]),
            from_palette,
        ),
        "bmp": (_save(PICTURE, "BMP"), PICTURE),
        "bmp rgba": (_save(rgba, "BMP"), PICTURE),
        "bmp palette": (_save(paletted, "BMP"), from_palette),
        "bmp gray": (_save(GRAY, "BMP"), _stack(GRAY)),
        "webp lossless": (_save(PICTURE, "WEBP", lossless=True), PICTURE),
        "webp rgba": (_save(rgba, "WEBP", lossless=True, exact=True), PICTURE),
        "apng": (
            _save(
                Image.fromarray(PICTURE),
                "PNG",
                save_all=True,
                append_images=[Image.fromarray(255 - PICTURE)],
            ),
            PICTURE,
        ),
    }


def _jpeg_cases():
    cmyk, from_cmyk = _make_cmyk()
    ycck, from_ycck = _make_ycck()
    return {
        "baseline": (_save(PICTURE, "JPEG", quality=95, subsampling=0), PICTURE),
        "progressive": (
            _save(PICTURE, "JPEG", quality=95, subsampling=0, progressive=True),
            PICTURE,
        ),
        "restart markers": (
            _save(PICTURE, "JPEG", quality=95, subsampling=0, restart_marker_blocks=3),
            PICTURE,
        ),
        "gray": (_save(GRAY, "JPEG", quality=95), _stack(GRAY)),
        "cmyk, Adobe": (
            _save_cmyk(cmyk, picture_format="JPEG", quality=95),
            from_cmyk,
        ),
        "cmyk, plain": (
            _remove_adobe(_save_cmyk(255 - cmyk, picture_format="JPEG", quality=95)),
            from_cmyk,
        ),
        "ycck": (ycck, from_ycck),
    }


LOSSLESS = _lossless_cases()
JPEGS = _jpeg_cases()
BASELINE = JPEGS["baseline"][0]
MINIMAL = _save(_make_picture(8, 8), "JPEG")


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_are_exact(name):
    data, expected = LOSSLESS[name]
    result = _decode(data)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)
    picture_format = name.split()[0].upper().replace("APNG", "PNG")
    assert images.read_dimensions(data) == (picture_format, WIDTH, HEIGHT)


@pytest.mark.parametrize("name", JPEGS)
def test_jpegs_are_near_the_original_and_tensorflow(name):
    import tensorflow as tf

    data, expected = JPEGS[name]
    result = _decode(data)
    difference = np.abs(result.astype(int) - expected)
    assert difference.mean() < 1.5
    assert difference.max() < 40  # at the disc's edge, quality 95
    reference = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    assert np.abs(result.astype(int) - reference.numpy()).max() <= 3
    assert images.read_dimensions(data) == ("JPEG", WIDTH, HEIGHT)


def test_lossy_webp():
    result = _decode(_save(PICTURE, "WEBP", quality=95))
    assert np.abs(result.astype(int) - PICTURE).mean() < 4


def test_sizes_of_one_row_or_pixel():
    for height, width in ((1, 1), (1, 65500), (65500, 1)):
        picture = np.full((height, width, 3), 120, np.uint8)
        np.testing.assert_array_equal(_decode(images.encode_jpeg(picture)), picture)


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_only_where_asked(picture_format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    settings = {"lossless": True} if picture_format == "WEBP" else {}
    data = _save(PICTURE, picture_format, exif=exif, **settings)
    untagged = _decode(_save(PICTURE, picture_format, **settings))
    np.testing.assert_array_equal(_decode(data), untagged)
    with Image.open(io.BytesIO(data)) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    result = images.decode_picture(data, apply_orientation=True)
    np.testing.assert_array_equal(result, upright)
    if orientation == 6:  # the camera's right side is the picture's top
        np.testing.assert_array_equal(result, np.rot90(untagged, -1))


def test_orientation_in_big_endian_exif():
    # Header, one directory of two entries, the second of them the orientation: 3.
    tiff = b"MM\0*\0\0\0\x08\0\x02" + bytes.fromhex(
        "010f 0002 00000002 41000000 0112 0003 00000001 00030000 00000000"
    )
    data = _insert_segment(BASELINE, 0xE1, b"Exif\0\0" + tiff)
    np.testing.assert_array_equal(
        images.decode_picture(data, apply_orientation=True),
        _decode(BASELINE)[::-1, ::-1],
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
    data = _insert_segment(_remove_jfif(BASELINE), *metadata)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = images.decode_picture(data, apply_orientation=True)
    np.testing.assert_array_equal(result, _decode(BASELINE))


def _remove_jfif(jpeg):
    # Without it Pillow would look for the resolution in the Exif data.
    assert jpeg[2:4] == b"\xff\xe0"
    (length,) = struct.unpack_from(">H", jpeg, 4)
    return jpeg[:2] + jpeg[4 + length :]


def test_nothing_is_printed_or_warned(capfd):
    invalid_animation = _make_png(
        PICTURE, 8, 2, before=_chunk(b"acTL", bytes(8)) + _chunk(b"fcTL", bytes(26))
    )
    cases = [
        *(data for data, _ in LOSSLESS.values()),
        *(data for data, _ in JPEGS.values()),
        invalid_animation,
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for data in cases:
            _decode(data)
    assert [str(warning.message) for warning in caught] == []
    np.testing.assert_array_equal(_decode(invalid_animation), PICTURE)
    assert capfd.readouterr() == ("", "")


def test_trailing_garbage_is_ignored():
    for data in (BASELINE, LOSSLESS["png rgb"][0], LOSSLESS["gif"][0]):
        np.testing.assert_array_equal(
            _decode(data + b"\xff\xd8<html>" * 50), _decode(data)
        )


def test_fill_bytes_and_junk_between_segments_are_skipped():
    data = BASELINE[:2] + b"\xff\xff\xff" + BASELINE[2:]
    np.testing.assert_array_equal(_decode(data), _decode(BASELINE))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\xff", "no JPEG, PNG"),
        (b"<!DOCTYPE html><title>Not here</title>", "no JPEG, PNG"),
        (b"II*\0\x08\0\0\0", "no JPEG, PNG"),
        (b"\0\0\0\x18ftypheic", "no JPEG, PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no JPEG, PNG"),
        (b"\xff\xd8", "cut short"),
        (b"\xff\xd8\xff\xd9", "ends before its picture"),
        (b"\xff\xd8\xff\xe0\0\x01", "damaged"),
        (b"\xff\xd8\xff\xda\0\x02" + bytes(20), "no frame header"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "cut short"),
        (b"GIF89a", "cut short"),
        (b"GIF89a" + bytes(7) + b"," + bytes(9), "says 0x0"),
        (b"GIF89a\x08\0\x08\0\0\0\0!\xfe\x02hi\0;", "ends before its picture"),
        (_repeat_frame_header(MINIMAL), "two frame headers"),
        (_make_png(PICTURE, 8, 2, before=_chunk(b"IHDR", bytes(13))), "two headers"),
        (b"BM" + bytes(10), "cut short"),
        (b"RIFF\x10\0\0\0WEBPABCD", "damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8L", "cut short"),
        (_patch_size(MINIMAL, 0, 8), "says 8x0"),
        # Twelve bits a sample.
        (MINIMAL.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "damaged"),
    ],
)
def test_no_picture_is_rejected_with_a_reason(data, reason):
    with pytest.raises(images.PictureError, match=reason) as caught:
        _decode(data)
    assert isinstance(caught.value, errors.DataError)
    assert " at 0x" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        BASELINE,
        JPEGS["progressive"][0],
        JPEGS["ycck"][0],
        *(
            LOSSLESS[name][0]
            for name in ("png rgb", "gif", "bmp", "webp lossless", "png 16-bit gray")
        ),
        _save(PICTURE, "WEBP"),
    ],
    ids=["jpeg", "progressive", "ycck", "png", "gif", "bmp", "webp", "png16", "vp8"],
)
def test_truncated_pictures_are_rejected(data):
    for part in range(20):
        with pytest.raises(images.PictureError):
            _decode(data[: part * len(data) // 20])


def test_mutants_are_decoded_or_rejected():
    generator = np.random.default_rng(7)
    seeds = [data for cases in (LOSSLESS, JPEGS) for data, _ in cases.values()]
    rejected = 0
    for mutant in range(600):
        data = bytearray(seeds[mutant % len(seeds)])
        for _ in range(generator.integers(1, 6)):
            data[generator.integers(min(len(data), 600))] = generator.integers(256)
        try:
            result = images.decode_picture(
                bytes(data), apply_orientation=True, max_pixels=1_000_000
            )
        except images.PictureError as error:
            rejected += 1
            assert str(error)
        else:
            assert result.ndim == 3
            assert result.shape[2] == 3
            assert result.dtype == np.uint8
    assert 100 < rejected < 600


def _make_bombs():
    zeros = zlib.compressobj(9)
    pixels = b"".join(zeros.compress(bytes(2876 * 1000)) for _ in range(23))
    pixels += zeros.flush()
    header = struct.pack(">IIBBBBB", 23000, 23000, 1, 0, 0, 0, 0)
    inflated = zlib.compress(bytes(60_000_000))
    text = _chunk(b"zTXt", b"Comment\0\0" + inflated)
    profile = _chunk(b"iCCP", b"sRGB\0\0" + inflated)
    frame = b"GIF89a\x08\0\x08\0\0\0\0,\0\0\0\0" + struct.pack("<HH", 24000, 24000)
    return {
        "jpeg 13000": _patch_size(MINIMAL, 13000, 13000),
        "jpeg 65500": _patch_size(MINIMAL, 65500, 65500),
        "png": b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", pixels)
        + _chunk(b"IEND", b""),
        "gif": b"GIF89a" + struct.pack("<HHBBB", 24000, 24000, 0, 0, 0) + frame[13:],
        "gif frame": frame + b"\0\x02\x02D\x01\0;",
        "bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, 30000, -30000) + bytes(28),
        "webp": b"RIFF\x30\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x10\x27\0" * 2,
        "png zTXt": _make_png(PICTURE, 8, 2, before=text),
        "png zTXt behind": _make_png(PICTURE, 8, 2, after=text),
        "png iCCP": _make_png(PICTURE, 8, 2, before=profile),
    }


_MEASURE = """
import json, resource, sys, time
from tfrecords import images
folder, names = sys.argv[1], sys.argv[2:]
images.decode_picture(open(f"{folder}/sound", "rb").read(), apply_orientation=False)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
results = {}
for name in names:
    data = open(f"{folder}/{name}", "rb").read()
    start = time.process_time()
    try:
        images.decode_picture(data, apply_orientation=False)
        reason = ""
    except images.PictureError as error:
        reason = str(error)
    results[name] = reason, time.process_time() - start
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([after - before, results, "tensorflow" in sys.modules]))
"""


def test_bombs_are_rejected_before_they_go_off(tmp_path):
    bombs = _make_bombs()
    for name, data in {"sound": BASELINE, **bombs}.items():
        (tmp_path / name).write_bytes(data)
    output = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(tmp_path), *bombs],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert output.stderr == ""
    growth_kib, results, has_tensorflow = json.loads(output.stdout)
    assert not has_tensorflow
    for name, (reason, seconds) in results.items():
        assert reason, f"{name} was decoded"
        assert seconds < 0.2, name
        if not name.startswith("png "):
            assert "pixels, more than 64000000" in reason, name
    assert growth_kib < 50_000


def test_bounds_are_settings():
    pixels = WIDTH * HEIGHT
    assert _decode(BASELINE, max_pixels=pixels).shape == PICTURE.shape
    with pytest.raises(images.PictureError, match=f"more than {pixels - 1}"):
        _decode(BASELINE, max_pixels=pixels - 1)
    assert _decode(BASELINE, max_bytes=len(BASELINE)).shape == PICTURE.shape
    with pytest.raises(images.PictureError, match="bytes, more than"):
        _decode(BASELINE, max_bytes=len(BASELINE) - 1)
    with pytest.raises(ValueError, match="max_pixels"):
        _decode(BASELINE, max_pixels=100_000_000)


def test_gif_frame_beyond_the_screen_is_counted():
    data = bytearray(LOSSLESS["gif"][0])
    data[6:10] = struct.pack("<HH", 10, 10)
    assert images.read_dimensions(bytes(data)) == ("GIF", WIDTH, HEIGHT)
    np.testing.assert_array_equal(_decode(bytes(data)), LOSSLESS["gif"][1])


def test_segments_that_decoders_scan_are_not_passed_on():
    # Pillow looks for markers inside segments that it does not know.
    frame_header = bytes.fromhex("ffc0 0011 08 2328 2328 03 012200 021101 031101")
    data = BASELINE.replace(
        b"\xff\xda", b"\xff\xf0" + struct.pack(">H", 21) + frame_header + b"\xff\xda"
    )
    np.testing.assert_array_equal(_decode(data), _decode(BASELINE))


def test_size_that_was_not_checked_is_never_decoded(monkeypatch):
    class Other:
        size = (9000, 9000)

        def load(self):
            pytest.fail("decoded")

    monkeypatch.setattr(Image, "open", lambda *args, **kwargs: Other())
    with pytest.raises(images.PictureError, match="contradicts"):
        _decode(BASELINE)


def test_out_of_memory_is_a_reason(monkeypatch):
    def fail(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(images.PictureError, match="not enough memory"):
        _decode(BASELINE)


def test_encoded_jpeg():
    data = images.encode_jpeg(PICTURE)
    assert data == images.encode_jpeg(PICTURE.copy())
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (104, 72))
        # Component, then sampling factors: the luminance's are 2x2, that is 4:2:0.
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]
        # Quality 95 is a tenth of the standard's table: 16 becomes 2 (1.6).
        assert image.quantization[0][0] == 2
    assert data == _save(PICTURE, "JPEG", quality=95)
    assert np.abs(_decode(data).astype(int) - PICTURE).mean() < 2
    assert len(images.encode_jpeg(PICTURE, quality=50)) < len(data)


def test_imagenet_pictures_pass():
    data_folder = os.environ.get("ALEXNET_TEST_DATA")
    if not data_folder:
        pytest.skip("ALEXNET_TEST_DATA is not set")
    archive = os.path.join(data_folder, "imagenet_native", "one_per_class_250.tar")
    num_pictures = 0
    with tarfile.open(archive) as tar, warnings.catch_warnings():
        warnings.simplefilter("error")
        for member in tar:
            if not member.isfile():
                continue
            data = tar.extractfile(member).read()
            result = _decode(data)
            assert (result.shape[1], result.shape[0]) == images.read_dimensions(data)[
                1:
            ]
            with Image.open(io.BytesIO(data)) as image:
                np.testing.assert_array_equal(result, np.asarray(image.convert("RGB")))
            num_pictures += 1
    assert num_pictures == 250


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
