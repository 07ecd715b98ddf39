"""Prepares hostile images as a conversion's worker does, watched.

python -m tests.programs.decode_images PLACE mutants FIRST COUNT SEED RESIZING
python -m tests.programs.decode_images PLACE cuts IMAGE RESIZING
python -m tests.programs.decode_images PLACE bombs NAME RESIZING

PLACE is that of `tests.faults.watched.Watch`.
"""

from __future__ import annotations

import io
import sys

import numpy as np
import tensorflow as tf
from PIL import Image

from tests.faults import mutants, watched
from tests.tfrecords import image_bombs
from tests.tfrecords.encoded_images import IMAGE, JPEGS, LOSSLESS, save
from tfrecords.conversion import plan, prepare
from tfrecords.images import decoder

SEEDS = {
    **{f"jpeg {name}": data for name, (data, _) in JPEGS.items()},
    **{name: data for name, (data, _) in LOSSLESS.items()},
    "webp lossy": save(IMAGE, "WEBP"),
}
# A mutant may claim as many pixels as the limit allows, and then takes that memory.
_MAX_PIXELS = 1_000_000
# The longest header, of a GIF with 256 colours, has 814 bytes.
NUM_CUTS = 850
# TensorFlow reads one of so many outputs.
_STRIDE = 10


def main(place: str, kind: str, *arguments: str) -> None:
    """Feeds the images that the arguments name."""
    watch = watched.Watch(place)
    _check(SEEDS["jpeg baseline"], make_settings(arguments[-1]), True)
    if kind == "mutants":
        first, count, seed = map(int, arguments[:3])
        feed_mutants(watch, range(first, first + count), seed, arguments[3])
    elif kind == "cuts":
        feed_cuts(watch, arguments[0], arguments[1])
    else:
        feed_bomb(watch, arguments[0], arguments[1])
    watch.report()


def make_settings(resizing: str, **others: int) -> plan.ConvertSettings:
    """Those of a conversion with this `resizing`."""
    return plan.ConvertSettings(resizing=resizing, apply_orientation=True, **others)


def feed_mutants(
    watch: watched.Watch, numbers: range, seed: int, resizing: str
) -> None:
    """Each mutant is prepared as one image, or refused."""
    settings = make_settings(resizing, max_pixels=_MAX_PIXELS)
    seeds = list(SEEDS.values())
    for name, data in SEEDS.items():
        with watch.input(name):
            _check(data, settings, True)
    watch.start()
    for number in numbers:
        data = mutants.mutate(seeds, number, seed)
        with watch.input(f"mutant {number}"):
            _feed(watch, data, settings, number % _STRIDE == 0)


def feed_cuts(watch: watched.Watch, name: str, resizing: str) -> None:
    """The first `NUM_CUTS` lengths of a sound image."""
    settings = make_settings(resizing)
    watch.start()
    for length in range(NUM_CUTS):
        with watch.input(f"{length} bytes"):
            _feed(watch, SEEDS[name][:length], settings, False)


def _feed(
    watch: watched.Watch,
    data: bytes,
    settings: plan.ConvertSettings,
    with_tensorflow: bool,
) -> None:
    try:
        _check(data, settings, with_tensorflow)
    except decoder.ImageError as error:
        assert str(error) and " at 0x" not in str(error)
        watch.count("refused")
    else:
        watch.count("accepted")


def feed_bomb(watch: watched.Watch, name: str, resizing: str) -> None:
    """The bomb is refused for its size, or read if only its metadata is large."""
    data = image_bombs.make_bombs()[name]
    settings = make_settings(resizing)
    watch.start()
    with watch.input(name):
        try:
            _check(data, settings, True)
        except decoder.ImageError as error:
            assert "pixels, more than" in str(error), str(error)
            watch.count("refused")
        else:
            watch.count("accepted")


def _check(data: bytes, settings: plan.ConvertSettings, with_tensorflow: bool) -> None:
    """Raises AssertionError unless what is stored is an image as it must be."""
    prepared = prepare.prepare(data, settings)
    side = settings.image_size
    assert prepared.pixels.shape == (side, side, 3)
    assert prepared.pixels.dtype == np.uint8
    assert min(prepared.height, prepared.width) > 0
    with Image.open(io.BytesIO(prepared.encoded), formats=["JPEG"]) as image:
        found = np.asarray(image)
    assert found.shape == (side, side, 3) and found.dtype == np.uint8
    if with_tensorflow:
        decoded = tf.io.decode_jpeg(prepared.encoded)
        assert decoded.shape == (side, side, 3) and decoded.dtype == tf.uint8


if __name__ == "__main__":
    main(*sys.argv[1:])
