"""simplejpeg's pixels and bytes against Pillow's, and who decodes what."""

import os
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from tests import optional
from tests.tfrecords.encoded_images import (
    BASELINE,
    IMAGE,
    JPEGS,
    LOSSLESS,
    insert_segment,
    make_image,
    patch_size,
    repeat_frame_header,
    save,
)
from tfrecords.images import decoder, turbo_jpeg

cv2 = optional.require(__name__, "cv2", "the extra opencv is not installed")
simplejpeg = optional.require(
    __name__, "simplejpeg", "the extra opencv is not installed"
)


def set_frame_length(jpeg, length):
    start = jpeg.index(b"\xff\xc0") + 2
    return jpeg[:start] + length.to_bytes(2, "big") + jpeg[start + 2 :]


SUBSAMPLED = {
    name: save(IMAGE, "JPEG", quality=90, subsampling=name)
    for name in ("4:4:4", "4:2:2", "4:2:0")
}
ADOBE_RGB = save(IMAGE, "JPEG", quality=90, keep_rgb=True)
ROTATED = Image.Exif()
ROTATED[0x0112] = 6


@pytest.fixture
def pillows(monkeypatch):
    """The images that went to Pillow."""
    seen = []
    decode = decoder.decode_image

    def watch(data, **settings):
        seen.append(data)
        return decode(data, **settings)

    monkeypatch.setattr(decoder, "decode_image", watch)
    return seen


def decode_both(data, **settings):
    """What Pillow says and what we say: pixels, or the reason of the reject."""
    answers = []
    for decode in (decoder.decode_image, turbo_jpeg.decode_pixels):
        try:
            pixels = decode(data, apply_orientation=False, **settings)
            answers.append(np.asarray(pixels))
        except decoder.ImageError as error:
            answers.append(str(error))
    return answers


@pytest.mark.parametrize("name", [*JPEGS, *LOSSLESS])
def test_every_kind_of_image_has_pillows_pixels(name):
    data, _ = {**JPEGS, **LOSSLESS}[name]
    expected, result = decode_both(data)
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("data", [BASELINE, ADOBE_RGB, *SUBSAMPLED.values()])
def test_the_usual_jpeg_needs_no_pillow(data, pillows):
    expected, result = decode_both(data)
    np.testing.assert_array_equal(result, expected)
    assert len(pillows) == 1  # the reference's


@pytest.mark.parametrize(
    "data",
    [
        JPEGS["progressive"][0],
        JPEGS["ycck"][0],
        save(make_image()[..., 0], "JPEG"),
        save(IMAGE, "PNG"),
    ],
    ids=["progressive", "ycck", "gray", "png"],
)
def test_the_others_are_pillows(data, pillows):
    turbo_jpeg.decode_pixels(data, apply_orientation=False)
    assert pillows == [data]


def test_orientation_is_applied_where_asked(pillows):
    data = save(IMAGE, "JPEG", exif=ROTATED)
    upright = turbo_jpeg.decode_pixels(data, apply_orientation=True)
    assert pillows == [data]
    stored = turbo_jpeg.decode_pixels(data, apply_orientation=False)
    np.testing.assert_array_equal(upright, np.rot90(stored, -1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff\xd9",
        b"no image",
        BASELINE[: len(BASELINE) // 2],
        BASELINE[:-40],
        patch_size(BASELINE, 9000, 9000),
        patch_size(BASELINE, 0, 8),
        repeat_frame_header(BASELINE),
        *(set_frame_length(BASELINE, length) for length in (2, 3, 7, 8)),
    ],
)
def test_damaged_images_are_rejected_for_pillows_reasons(data):
    expected, result = decode_both(data)
    assert isinstance(expected, str) and result == expected


def test_images_larger_than_allowed_are_not_decoded(pillows):
    expected, result = decode_both(BASELINE, max_pixels=100)
    assert result == expected and "more than 100" in result


def test_mutants_are_taken_as_pillow_takes_them(capfd):
    generator = np.random.default_rng(3)
    seeds = [BASELINE, ADOBE_RGB, *SUBSAMPLED.values()]
    for mutant in range(300):
        data = bytearray(seeds[mutant % len(seeds)])
        for _ in range(generator.integers(1, 4)):
            data[generator.integers(len(data))] = generator.integers(256)
        expected, result = decode_both(bytes(data), max_pixels=1_000_000)
        np.testing.assert_array_equal(result, expected)
    assert capfd.readouterr() == ("", "")


def test_damaged_metadata_is_ignored():
    data = insert_segment(BASELINE, 0xE2, b"ICC_PROFILE\0\x01\x09" + bytes(60_000))
    expected, result = decode_both(data)
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("quality", [1, 50, 95, 100])
@pytest.mark.parametrize("size", [(256, 256), (31, 17), (1, 1)])
def test_encodes_to_pillows_bytes(quality, size):
    image = make_image(*size)
    assert turbo_jpeg.encode_jpeg(image, quality) == decoder.encode_jpeg(
        Image.fromarray(image), quality
    )


def test_encodes_a_view():
    image = make_image(40, 60)
    view = image[4:36, 8:40]
    assert turbo_jpeg.encode_jpeg(view) == turbo_jpeg.encode_jpeg(view.copy())


def test_versions():
    assert turbo_jpeg.find_versions() == {
        "opencv": cv2.__version__,
        "simplejpeg": simplejpeg.__version__,
    }


def test_imagenet_images():
    data_folder = os.environ.get("ALEXNET_TEST_DATA")
    if not data_folder:
        pytest.skip("ALEXNET_TEST_DATA is not set")
    archive = os.path.join(data_folder, "imagenet_native", "one_per_class_250.tar")
    with tarfile.open(archive) as tar:
        for member in [member for member in tar if member.isfile()][::5]:
            expected, result = decode_both(tar.extractfile(member).read())
            np.testing.assert_array_equal(result, expected)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
