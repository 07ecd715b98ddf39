"""The ten shapes of the sample data set, each one formula.

A shape is a function (x, y, draws) -> d: `x` and `y` are float32 arrays of equal shape,
the coordinates of the pixels' centres (y points up before the rotation); `draws` gives
the numbers in which images of one class differ; `d`, float32 like `x`, is negative
inside, positive outside, and near the outline the signed distance from it in the unit
of x and y. Every shape is inside the unit circle and touches it.

No shape resembles another one rotated or mirrored: a hexagon, for example, was too much
like a small circle or heart. The distances of heart and star follow Inigo Quilez, "2D
distance functions" (iquilezles.org).

Scalars are Python floats: with NumPy's, NumPy 2 would turn float32 arrays into float64
and NumPy 1 would not, and the images would differ.
"""

from __future__ import annotations

import math

import numpy as np

from tfrecords.sources.sample import random_draws

Draws = random_draws.Draws


def circle(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """|p| - 1."""
    return np.hypot(x, y) - 1


def ring(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Inside the unit circle and outside one of radius h: max(|p| - 1, h - |p|)."""
    hole = draws.uniform(0.5, 0.75)
    radius = np.hypot(x, y)
    return np.maximum(radius - 1, hole - radius)


def crescent(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Inside the unit circle, outside one of radius r about (s, 0).

    max(|p| - 1, r - |p - (s, 0)|); it is 1 + s - r thick where it is thickest.
    """
    shift = draws.uniform(0.4, 0.6)
    thickness = draws.uniform(0.55, 0.75)
    bite = (1 + shift - thickness) - np.hypot(x - shift, y)
    return np.maximum(np.hypot(x, y) - 1, bite)


def triangle(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Equal sides: the largest of p.n - 1/2 over normals n at -90, 30, 150 degrees."""
    return np.maximum(np.abs(x) * math.sqrt(0.75) + y / 2, -y) - 0.5


def square(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """max(|x|, |y|) - 1/sqrt(2)."""
    return np.maximum(np.abs(x), np.abs(y)) - math.sqrt(0.5)


def hourglass(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Two triangles tip to tip: |y| <= h and |x| <= |y| w / h, with w^2 + h^2 = 1.

    max(|y| - h, h |x| - w |y|).
    """
    width = draws.uniform(0.5, 0.65)
    height = math.sqrt(1 - width**2)
    x, y = np.abs(x), np.abs(y)
    return np.maximum(y - height, height * x - width * y)


def cross(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Two bars of half width w and half length l, w^2 + l^2 = 1, at a right angle.

    The first bar is max(|x| - l, |y| - w); the other has x and y exchanged.
    """
    width = draws.uniform(0.18, 0.32)
    length = math.sqrt(1 - width**2)
    x, y = np.abs(x), np.abs(y)
    return np.maximum(np.maximum(x, y) - length, np.minimum(x, y) - width)


def star(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Five points at radius 1, the notches between them at radius r.

    Folding the angle by 72 degrees and mirroring leaves one edge, from (1, 0) to
    r (cos 36, sin 36); d is the distance from its line.
    """
    notch = draws.uniform(0.36, 0.52)
    angle = np.abs(_fold(np.arctan2(y, x), 2 * math.pi / 5))
    radius = np.hypot(x, y)
    edge_x = notch * math.cos(math.pi / 5) - 1
    edge_y = notch * math.sin(math.pi / 5)
    across = (radius * np.cos(angle) - 1) * edge_y - radius * np.sin(angle) * edge_x
    return across / math.hypot(edge_x, edge_y)


def heart(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """A square on its corner with half a disc on each upper side.

    In units of 0.635, tip at (0, -0.63), mirrored to x >= 0: above the line between
    square and disc, the distance from the disc about (1/4, 3/4) of radius sqrt(1/8);
    below, the distance from the notch (0, 1) or from the side x = y.
    """
    x, y = np.abs(x) * 0.635, y * 0.635 + 0.63
    disc = np.hypot(x - 0.25, y - 0.75) - math.sqrt(0.125)
    along = np.maximum(x + y, 0) / 2
    side = np.hypot(x - along, y - along)
    square_part = np.minimum(np.hypot(x, y - 1), side) * np.sign(x - y)
    return np.where(x + y > 1, disc, square_part) / 0.635


def arrow(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """A bar, and a triangle from its end to the tip (1, 0).

    Head: max(n - x, (|y| - m (1 - x)) / sqrt(1 + m^2)), where it begins at x = n and
    m = w / (1 - n) is its sides' slope, w its half width; bar: max(-r - x, x - n,
    |y| - s), with r^2 + s^2 = 1: its rear corners lie on the unit circle.
    """
    neck = draws.uniform(-0.1, 0.3)
    width = draws.uniform(0.55, 0.75)
    shaft = width * draws.uniform(0.25, 0.45)
    y = np.abs(y)
    slope = width / (1 - neck)
    side = (y - slope * (1 - x)) / math.hypot(slope, 1)
    head = np.maximum(neck - x, side)
    rear = math.sqrt(1 - shaft**2)
    bar = np.maximum(np.maximum(-rear - x, x - neck), y - shaft)
    return np.minimum(head, bar)


def _fold(value: np.ndarray, period: float) -> np.ndarray:
    return value - period * np.rint(value / period)


SHAPES = {
    function.__name__: function
    for function in (
        arrow,
        circle,
        crescent,
        cross,
        heart,
        hourglass,
        ring,
        square,
        star,
        triangle,
    )
}
