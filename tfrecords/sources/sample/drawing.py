"""Draws one image of the sample data set: a figure in two colours with 1/f noise.

An image is a pure function of (seed, split, class, index) and does not depend on the
number of images. The random numbers are the same everywhere (see `random_draws`). Sine,
square root and the Fourier transform may be rounded differently by another NumPy or
processor. The results are rounded to 8 bits at once and the rest is Pillow's integer
arithmetic, so the bytes are the same on all machines with the same Pillow, except that
a few pixels of a few images may differ by one level. (Of 600 images, NumPy 1.26 and
2.4, with and without AVX-512, agreed on every byte; without AVX2, 22 images differed.)
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from tfrecords.sources.sample import patterns, random_draws, shapes

Figure = Callable[[np.ndarray, np.ndarray, random_draws.Draws], np.ndarray]

# Class names in the order of their labels, with the function that draws each.
CLASSES: dict[str, Figure] = dict(
    sorted({**shapes.SHAPES, **patterns.PATTERNS}.items())
)
SPLITS = ("train", "validation")

# Images are 256..420 pixels a side; the converter makes the shorter one 256.
_MIN_SIDE, _MAX_SHORTER_SIDE, _MAX_SIDE = 256, 340, 420
# Ink and ground differ in lightness by at least this many of 255 levels, three times
# the noise of the ground: the figure is recognized at a glance, also in gray.
_MIN_LIGHTNESS_DIFFERENCE = 70.0
# The largest standard deviation of the noise on ground and ink, of 255 levels.
_NOISE_LEVELS = (24.0, 9.0)
_JPEG_QUALITY = 90


def draw_image(seed: int, split: str, label: int, index: int) -> bytes:
    """Draws an image as a JPEG's bytes (RGB, 256..420 pixels a side, quality 90).

    The seed is any integer, taken modulo 2^64; the label an index into CLASSES, 0..19;
    the index, 0..2^32-1, the image's number in its class and split, one of SPLITS.
    """
    image, _ = draw_with_coverage(seed, split, label, index)
    with io.BytesIO() as file:
        image.save(file, "JPEG", quality=_JPEG_QUALITY)
        return file.getvalue()


def draw_with_coverage(
    seed: int, split: str, label: int, index: int
) -> tuple[Image.Image, Image.Image]:
    """Draws an image, mode RGB; the arguments are `draw_image`'s.

    The second image is the figure's coverage of each pixel (mode L, of the same size;
    255 where the ink hides the ground).
    """
    stream = (SPLITS.index(split) << 40) | (label << 32) | index
    draws = random_draws.Draws(seed, stream)
    width, height = _draw_size(draws)
    ground, ink = _draw_grounds(width, height, draws)
    name = list(CLASSES)[label]
    x, y, pixels_per_unit = _make_coordinates(
        width, height, name in shapes.SHAPES, draws
    )
    distance = CLASSES[name](x, y, draws) * pixels_per_unit
    # A pixel whose centre is d pixels outside a straight edge is covered 1/2 - d.
    coverage = np.clip(0.5 - distance, 0, 1)
    mask = Image.fromarray(np.rint(coverage * 255).astype(np.uint8))
    return Image.composite(ink, ground, mask), mask


def _draw_size(draws: random_draws.Draws) -> tuple[int, int]:
    shorter = draws.integer(_MIN_SIDE, _MAX_SHORTER_SIDE)
    longer = min(int(shorter * draws.uniform(1, 1.5)), _MAX_SIDE)
    upright = draws.integer(0, 1)
    return (shorter, longer) if upright else (longer, shorter)


def _make_coordinates(
    width: int, height: int, is_shape: bool, draws: random_draws.Draws
) -> tuple[np.ndarray, np.ndarray, float]:
    """The figure's coordinates: translated, rotated, and mirrored with probability 1/2.

    A shape's radius is 0.18 to 0.40 of the shorter side, and its circle is in the inner
    92 % of the central square (which the converter keeps), so that a crop of 224 of 256
    pixels cuts off little. The unit of a pattern is the shorter side. Returns x and y,
    float32 [height, width], and the number of pixels per unit.
    """
    shorter = min(width, height)
    angle = draws.uniform(0, 2 * math.pi)
    mirror = -1 if draws.integer(0, 1) else 1
    centre_x, centre_y, unit = width / 2, height / 2, float(shorter)
    if is_shape:
        radius = draws.uniform(0.18, 0.4)
        unit = radius * shorter
        slack = (0.46 - radius) * shorter
        centre_x += draws.uniform(-slack, slack)
        centre_y += draws.uniform(-slack, slack)
    columns = (np.arange(width, dtype=np.float32) + (0.5 - centre_x)) / unit
    rows = ((np.arange(height, dtype=np.float32) + (0.5 - centre_y)) / unit)[:, None]
    cosine, sine = math.cos(angle), math.sin(angle)
    x = columns * cosine + rows * sine
    y = (rows * cosine - columns * sine) * mirror
    return x, y, unit


def _draw_grounds(
    width: int, height: int, draws: random_draws.Draws
) -> tuple[Image.Image, Image.Image]:
    """Two colours with 1/f noise: the ground, and the figure's ink.

    Drawn at half size and enlarged: 1/f noise has little detail at single pixels.
    """
    colours = _draw_colours(draws)
    rows, columns = -(-height // 2), -(-width // 2)
    light, tint = _draw_noise(draws)[:, :rows, :columns]
    images = []
    for colour, strength in zip(colours, _NOISE_LEVELS, strict=True):
        pixels = np.empty((rows, columns, 3), np.uint8)
        for channel in range(3):
            values = light * (strength * draws.uniform(0.5, 1))
            values += tint * (strength * draws.uniform(-0.7, 0.7))
            values += colour[channel]
            pixels[:, :, channel] = np.rint(np.clip(values, 0, 255))
        image = Image.fromarray(pixels)
        images.append(image.resize((width, height), Image.Resampling.BILINEAR))
    ground, ink = images
    return ground, ink


def _draw_colours(draws: random_draws.Draws) -> tuple[list[float], list[float]]:
    """The ground's and the ink's colour: [R, G, B] each, 0..255.

    Both have the same distribution for all classes, so that colour does not reveal the
    class: uniform in the RGB cube, then 0.4 to 1 times that saturation; drawn again
    until they differ enough in lightness.
    """
    while True:
        ground, ink = _draw_colour(draws), _draw_colour(draws)
        difference = _compute_lightness(ground) - _compute_lightness(ink)
        if abs(difference) >= _MIN_LIGHTNESS_DIFFERENCE:
            return ground, ink


def _draw_colour(draws: random_draws.Draws) -> list[float]:
    colour = [draws.uniform(15, 240) for _ in range(3)]
    gray, saturation = _compute_lightness(colour), draws.uniform(0.4, 1)
    return [gray + saturation * (value - gray) for value in colour]


def _compute_lightness(colour: list[float]) -> float:
    """Rec. 601 luma, 0.299 R + 0.587 G + 0.114 B."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def _draw_noise(draws: random_draws.Draws) -> np.ndarray:
    """Two independent 1/f fields, float32 [2, 216, 216], variance 1 on average.

    The real and imaginary parts of the inverse transform of white noise times 1/f.
    """
    amplitude = _make_amplitude()
    spectrum = draws.white_noise(2, *amplitude.shape)
    field = np.fft.ifft2((spectrum[0] + 1j * spectrum[1]) * amplitude)
    return np.stack([field.real, field.imag]).astype(np.float32)


@functools.lru_cache(maxsize=1)
def _make_amplitude() -> np.ndarray:
    """1/f for the frequencies of a 216x216 torus, 0 at f = 0, float64 [216, 216].

    Larger than half an image, so the noise does not repeat within it.
    """
    size = 216
    frequency = np.fft.fftfreq(size) * size
    distance = np.hypot(frequency[:, None], frequency)
    amplitude = np.zeros_like(distance)
    np.divide(1, distance, out=amplitude, where=distance > 0)
    # Parseval: the variance of each part is sum(amplitude^2) / size^4.
    return amplitude * size**2 / np.sqrt((amplitude**2).sum())
