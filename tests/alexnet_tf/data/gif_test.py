"""Tests of `alexnet_tf.data.gif`, against Pillow."""

from __future__ import annotations

import io
import struct
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageSequence

from alexnet_tf.data import gif
from tests import data_directories

IMAGE = data_directories.draw_image(0, 3, np.random.default_rng(0), 40, 56)
SCREEN = b"GIF89a" + struct.pack("<HHBBB", 56, 40, 0, 0, 0)


def make_gif(num_frames=1, colours=256, **settings):
    frames = [
        Image.fromarray(np.roll(IMAGE, 5 * number, 1)).quantize(colours)
        for number in range(num_frames)
    ]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], **settings)
    return stream.getvalue()


def make_frame(left, top, width, height, blocks=b"\x01\x00"):
    sides = struct.pack("<HHHHB", left, top, width, height, 0)
    return b"\x2c" + sides + b"\x08" + blocks + b"\x00"


def keep(data):
    first, num_pixels = gif.keep_first_frame(tf.constant(data))
    return first.numpy(), int(num_pixels)


@pytest.mark.parametrize("colours", [2, 31, 256])
@pytest.mark.parametrize("num_frames", [1, 4])
@pytest.mark.parametrize("comment", [b"", b"c" * 700])
def test_the_first_frame_stays_as_it_is(num_frames, colours, comment):
    data = make_gif(num_frames, colours, comment=comment, loop=0, duration=50)
    first, num_pixels = keep(data)
    assert num_pixels == 40 * 56 and len(first) <= len(data)
    before, after = (Image.open(io.BytesIO(d)) for d in (data, first))
    assert len(list(ImageSequence.Iterator(before))) == num_frames
    assert len(list(ImageSequence.Iterator(after))) == 1
    before.seek(0)
    after.seek(0)
    np.testing.assert_array_equal(before.convert("RGB"), after.convert("RGB"))


@pytest.mark.parametrize(
    "frame, expected",
    [((0, 0, 56, 40), 56 * 40), ((50, 0, 9, 9), 59 * 40), ((0, 0, 9, 900), 56 * 900)],
)
def test_a_frame_larger_than_the_screen_counts(frame, expected):
    later = make_frame(0, 0, 60_000, 60_000)
    assert keep(SCREEN + make_frame(*frame) + later)[1] == expected


@pytest.mark.parametrize("length", [4, 12, 15, 30, 200])
def test_a_file_that_ends_before_its_frame_is_refused(length):
    with pytest.raises(tf.errors.InvalidArgumentError):
        keep(make_gif(comment=b"c" * 40)[:length])


def test_what_is_no_frame_is_refused():
    for data in (SCREEN + b"\x3b", SCREEN + b"\x00" * 20):
        with pytest.raises(tf.errors.InvalidArgumentError, match="no frame"):
            keep(data)


def test_the_blocks_are_limited(monkeypatch):
    monkeypatch.setattr(gif, "MAX_BLOCKS", 5)
    comment = b"\x21\xfe" + b"\x01c" * 2 + b"\x00"

    def make(num_blocks):
        return SCREEN + comment + make_frame(0, 0, 9, 9, b"\x01\x00" * num_blocks)

    # An extension counts as a block, as does each block in it.
    assert keep(make(1))[1] == 56 * 40
    for data in (make(2), SCREEN + 6 * comment + make_frame(0, 0, 9, 9)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="more than 5"):
            keep(data)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
