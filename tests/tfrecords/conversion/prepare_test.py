import dataclasses
import sys

import numpy as np
import pytest
from PIL import Image

from tests.tfrecords.encoded_images import BASELINE, HEIGHT, IMAGE, WIDTH
from tfrecords.conversion import plan, prepare
from tfrecords.images import authors_resize, decoder, resize, turbo_jpeg

BICUBIC = plan.ConvertSettings(image_size=32, apply_orientation=False)
AUTHORS = dataclasses.replace(BICUBIC, resizing="authors")


def require_opencv(settings):
    if settings.resizing == "authors":
        for package in ("cv2", "simplejpeg"):
            pytest.importorskip(package, reason="the extra opencv is not installed")


def test_bicubic_is_pillows_way():
    prepared = prepare.prepare(BASELINE, BICUBIC)
    image = resize.resize_and_crop_image(
        decoder.decode_image(BASELINE, apply_orientation=False), 32
    )
    assert prepared.encoded == decoder.encode_jpeg(image)
    np.testing.assert_array_equal(prepared.pixels, np.asarray(image))
    assert (prepared.height, prepared.width) == (HEIGHT, WIDTH)


def test_authors_is_opencvs_way():
    require_opencv(AUTHORS)
    prepared = prepare.prepare(BASELINE, AUTHORS)
    pixels = authors_resize.resize_and_crop(
        turbo_jpeg.decode_pixels(BASELINE, apply_orientation=False), 32
    )
    np.testing.assert_array_equal(prepared.pixels, pixels)
    assert prepared.encoded == decoder.encode_jpeg(Image.fromarray(pixels))
    assert (prepared.height, prepared.width) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("settings", [BICUBIC, AUTHORS])
def test_raw_holds_the_pixels(settings):
    require_opencv(settings)
    settings = dataclasses.replace(settings, encoding="raw")
    prepared = prepare.prepare(BASELINE, settings)
    assert prepared.encoded == prepared.pixels.tobytes()
    assert prepared.pixels.shape == (32, 32, 3) and prepared.pixels.dtype == np.uint8


@pytest.mark.parametrize("settings", [BICUBIC, AUTHORS])
def test_takes_pixels_as_well(settings):
    require_opencv(settings)
    decoded = decoder.decode_pixels(BASELINE, apply_orientation=False)
    from_pixels = prepare.prepare(decoded, settings)
    from_bytes = prepare.prepare(BASELINE, settings)
    assert from_pixels.encoded == from_bytes.encoded
    assert (from_pixels.height, from_pixels.width) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("settings", [BICUBIC, AUTHORS])
@pytest.mark.parametrize("quality", [50, 95])
def test_quality_is_that_of_the_settings(settings, quality):
    require_opencv(settings)
    settings = dataclasses.replace(settings, jpeg_quality=quality)
    prepared = prepare.prepare(IMAGE, settings)
    assert prepared.encoded == decoder.encode_jpeg(
        Image.fromarray(prepared.pixels), quality
    )


@pytest.mark.parametrize("settings", [BICUBIC, AUTHORS])
def test_limit_of_pixels_is_that_of_the_settings(settings):
    require_opencv(settings)
    settings = dataclasses.replace(settings, max_pixels=HEIGHT * WIDTH - 1)
    with pytest.raises(decoder.ImageError, match="more than"):
        prepare.prepare(BASELINE, settings)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
