"""Images for a page: colours, sheets, and data URIs that hold the image itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

# Perceptually uniform, and readable with any colour blindness.
HEAT, RESPONSE = "viridis", "magma"
# The grey of a patch beyond the crop's edge.
OUTSIDE = 224
# Between patches, some of which are white.
_BETWEEN = 170
# Larger maps are reduced to this side, pixels.
_MAX_MAP_SIDE = 64
# A patch on a sheet, pixels; smaller ones keep their size.
_MAX_TILE_SIDE = 72
# Of a patch's side, between two.
_GAP_SHARE = 0.04
# JPEG blurs the pixels of smaller sheets, which the page enlarges.
_SMALLEST_JPEG = 80
_QUALITY = 85


def color(values: np.ndarray, name: str) -> np.ndarray:
    """Colours for values 0..1, float [height, width]: uint8 [height, width, 3].

    `name` is a colour map of matplotlib's.
    """
    import matplotlib

    levels = np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)
    return matplotlib.colormaps[name](levels, bytes=True)[..., :3]


def make_map_uri(values: np.ndarray, low: float, high: float) -> str:
    """A map, float [height, width], in the colours of `RESPONSE` from low to high."""
    import matplotlib

    scaled = (values - low) / (high - low or 1.0)
    levels = np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
    image = Image.fromarray(levels)
    if max(levels.shape) > _MAX_MAP_SIDE:
        image.thumbnail((_MAX_MAP_SIDE, _MAX_MAP_SIDE), Image.Resampling.BOX)
    table = matplotlib.colormaps[RESPONSE](np.arange(256), bytes=True)[:, :3]
    image.putpalette(table.tobytes())
    return _encode(image, "PNG")


def make_uri(pixels: np.ndarray) -> str:
    """An image, uint8 [height, width, 3]; as a JPEG unless it is small."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if min(image.size) < _SMALLEST_JPEG:
        return _encode(image, "PNG")
    return _encode(image, "JPEG", quality=_QUALITY)


def _encode(image: Image.Image, kind: str, **options: int) -> str:
    stream = io.BytesIO()
    image.save(stream, kind, optimize=True, **options)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{data}"


def make_sheet(patches: Sequence[np.ndarray]) -> np.ndarray:
    """Patches of one size, uint8 [size, size, 3], in rows, as square as possible.

    Returns uint8 [height, width, 3], grey between the patches and in place of missing
    ones.
    """
    columns = int(np.ceil(np.sqrt(len(patches))))
    rows = -(-len(patches) // columns)
    tiles = [shrink(patch) for patch in patches]
    side = len(tiles[0])
    gap = max(round(_GAP_SHARE * side), 1)
    step = side + gap
    shape = rows * step - gap, columns * step - gap, 3
    sheet = np.full(shape, _BETWEEN, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        top, left = row * step, column * step
        sheet[top : top + side, left : left + side] = tile
    return sheet


def shrink(patch: np.ndarray) -> np.ndarray:
    """A patch, uint8 [size, size, 3], at no more than 72 pixels a side."""
    if len(patch) <= _MAX_TILE_SIDE:
        return patch
    image = Image.fromarray(patch)
    side = (_MAX_TILE_SIDE, _MAX_TILE_SIDE)
    return np.asarray(image.resize(side, Image.Resampling.LANCZOS))


def blend(image: np.ndarray, heat: np.ndarray, share: float) -> np.ndarray:
    """`share` of the colours `heat` over the greys of an image, all uint8 [h, w, 3]."""
    gray = np.asarray(Image.fromarray(image).convert("L"))[..., np.newaxis]
    return np.rint((1 - share) * gray + share * heat).astype(np.uint8)


def draw_square(image: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    """The image, uint8 [height, width, 3], with a grey square and a white frame."""
    drawn = Image.fromarray(image)
    box = left, top, left + side - 1, top + side - 1
    ImageDraw.Draw(drawn).rectangle(box, fill=(128,) * 3, outline=(255,) * 3)
    return np.asarray(drawn)


def scale_kernel(weights: np.ndarray) -> np.ndarray:
    """A kernel, float [size, size, 3], from its least to its greatest weight."""
    low, high = float(weights.min()), float(weights.max())
    return np.rint(255 * (weights - low) / (high - low or 1.0)).astype(np.uint8)


def make_gradient(name: str) -> str:
    """A colour map of matplotlib's as a CSS background, from left to right."""
    table = color(np.linspace(0, 1, 9)[np.newaxis], name)[0]
    stops = ", ".join(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in table.tolist())
    return f"linear-gradient(to right, {stops})"
