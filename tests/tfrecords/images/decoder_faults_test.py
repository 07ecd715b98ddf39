"""What is no image, damaged or hostile: a reason, and nothing else."""

import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.tfrecords import image_bombs
from tests.tfrecords.encoded_images import (
    BASELINE,
    HEIGHT,
    IMAGE,
    JPEGS,
    LOSSLESS,
    MINIMAL,
    WIDTH,
    chunk,
    decode,
    make_png,
    patch_size,
    repeat_frame_header,
    save,
)
from tfrecords import errors
from tfrecords.images import decoder


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\xff", "not a JPEG, PNG"),
        (b"<!DOCTYPE html><title>Not here</title>", "not a JPEG, PNG"),
        (b"II*\0\x08\0\0\0", "not a JPEG, PNG"),
        (b"\0\0\0\x18ftypheic", "not a JPEG, PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG, PNG"),
        (b"\xff\xd8", "cut short"),
        (b"\xff\xd8\xff\xd9", "ends before its image"),
        (b"\xff\xd8\xff\xe0\0\x01", "damaged"),
        (b"\xff\xd8\xff\xda\0\x02" + bytes(20), "no frame header"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "cut short"),
        (b"GIF89a", "cut short"),
        (b"GIF89a" + bytes(7) + b"," + bytes(9), "says 0x0"),
        (b"GIF89a\x08\0\x08\0\0\0\0!\xfe\x02hi\0;", "ends before its image"),
        (repeat_frame_header(MINIMAL), "two frame headers"),
        (make_png(IMAGE, 8, 2, before=chunk(b"IHDR", bytes(13))), "two headers"),
        (b"BM" + bytes(10), "cut short"),
        (b"RIFF\x10\0\0\0WEBPABCD", "damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8L", "cut short"),
        (patch_size(MINIMAL, 0, 8), "says 8x0"),
        # Twelve bits a sample.
        (MINIMAL.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "damaged"),
    ],
)
def test_no_image_is_rejected_with_a_reason(data, reason):
    with pytest.raises(decoder.ImageError, match=reason) as caught:
        decode(data)
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
        save(IMAGE, "WEBP"),
    ],
    ids=["jpeg", "progressive", "ycck", "png", "gif", "bmp", "webp", "png16", "vp8"],
)
def test_truncated_images_are_rejected(data):
    for part in range(20):
        with pytest.raises(decoder.ImageError):
            decode(data[: part * len(data) // 20])


@pytest.mark.parametrize("name", ["gif", "gif animated", "png rgb", "webp rgba", "bmp"])
def test_every_cut_of_a_header_is_rejected(name):
    data = LOSSLESS[name][0]
    for length in range(400):
        with pytest.raises(decoder.ImageError):
            decode(data[:length])


def test_mutants_are_decoded_or_rejected():
    generator = np.random.default_rng(7)
    seeds = [data for cases in (LOSSLESS, JPEGS) for data, _ in cases.values()]
    rejected = 0
    for mutant in range(600):
        data = bytearray(seeds[mutant % len(seeds)])
        for _ in range(generator.integers(1, 6)):
            data[generator.integers(min(len(data), 600))] = generator.integers(256)
        try:
            image = decoder.decode_image(
                bytes(data), apply_orientation=True, max_pixels=1_000_000
            )
            result = np.asarray(image)
        except decoder.ImageError as error:
            rejected += 1
            assert str(error)
        else:
            assert result.ndim == 3
            assert result.shape[2] == 3
            assert result.dtype == np.uint8
    assert 100 < rejected < 600


_MEASURE = """
import json, resource, sys, time
from tfrecords.images import decoder as images
folder, names = sys.argv[1], sys.argv[2:]
images.decode_pixels(open(f"{folder}/sound", "rb").read(), apply_orientation=False)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
results = {}
for name in names:
    data = open(f"{folder}/{name}", "rb").read()
    start = time.process_time()
    try:
        images.decode_pixels(data, apply_orientation=False)
        reason = ""
    except images.ImageError as error:
        reason = str(error)
    results[name] = reason, time.process_time() - start
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([after - before, results, "tensorflow" in sys.modules]))
"""


def test_bombs_are_rejected_before_they_go_off(tmp_path):
    bombs = image_bombs.make_bombs()
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
        assert seconds < 0.2, name
        # Metadata is left out, never inflated.
        expected = "" if name.startswith("png ") else "pixels, more than 64000000"
        assert reason.endswith(expected) and bool(reason) == bool(expected), name
    assert growth_kib < 50_000


def test_bounds_are_settings():
    pixels = WIDTH * HEIGHT
    assert decode(BASELINE, max_pixels=pixels).shape == IMAGE.shape
    with pytest.raises(decoder.ImageError, match=f"more than {pixels - 1}"):
        decode(BASELINE, max_pixels=pixels - 1)
    assert decode(BASELINE, max_bytes=len(BASELINE)).shape == IMAGE.shape
    with pytest.raises(decoder.ImageError, match="bytes, more than"):
        decode(BASELINE, max_bytes=len(BASELINE) - 1)
    with pytest.raises(ValueError, match="max_pixels"):
        decode(BASELINE, max_pixels=100_000_000)


def test_segments_that_decoders_scan_are_not_passed_on():
    # Pillow looks for markers inside segments that it does not know.
    frame_header = bytes.fromhex("ffc0 0011 08 2328 2328 03 012200 021101 031101")
    data = BASELINE.replace(
        b"\xff\xda", b"\xff\xf0" + struct.pack(">H", 21) + frame_header + b"\xff\xda"
    )
    np.testing.assert_array_equal(decode(data), decode(BASELINE))


def test_size_that_was_not_checked_is_never_decoded(monkeypatch):
    class Other:
        size = (9000, 9000)

        def load(self):
            pytest.fail("decoded")

    monkeypatch.setattr(Image, "open", lambda *args, **kwargs: Other())
    with pytest.raises(decoder.ImageError, match="contradicts"):
        decode(BASELINE)


def test_out_of_memory_is_a_reason(monkeypatch):
    def fail(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(decoder.ImageError, match="not enough memory"):
        decode(BASELINE)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
