"""The ten patterns of the sample data set, each one formula.

A pattern is a function (x, y, draws) -> d like a shape (see `shapes`), but it fills the
plane, and the unit of x, y and d is the image's shorter side. Scale, phase and
proportions are random; the caller rotates and mirrors. All use `_from_lines`, the
distance from the nearest of evenly spaced lines.
"""

from __future__ import annotations

import math

import numpy as np

from tfrecords.sources.sample import random_draws

Draws = random_draws.Draws


def stripes(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Straight bands of a width w: the distance from evenly spaced lines, less w/2."""
    period = draws.uniform(0.08, 0.25)
    width = period * draws.uniform(0.35, 0.65)
    return _from_lines(x, period, draws.uniform(0, 1)) - width / 2


def waves(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Bands along y = a sin(2 pi x / l).

    d is the distance along y divided by sqrt(1 + slope^2), the distance from the line.
    """
    length = draws.uniform(0.22, 0.4)
    amplitude = length * draws.uniform(0.11, 0.17)
    period = draws.uniform(0.1, 0.2)
    width = period * draws.uniform(0.35, 0.6)
    angle = (x / length + draws.uniform(0, 1)) * (2 * math.pi)
    slope = np.cos(angle) * (2 * math.pi * amplitude / length)
    raised = y - amplitude * np.sin(angle)
    distance = _from_lines(raised, period, draws.uniform(0, 1)) - width / 2
    return distance / np.sqrt(1 + slope * slope)


def zigzag(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Bands along y = s times the distance of x from evenly spaced lines."""
    length = draws.uniform(0.18, 0.35)
    slope = draws.uniform(0.8, 1.4)
    stretch = math.hypot(1, slope)
    period = draws.uniform(0.09, 0.16) * stretch
    width = period * draws.uniform(0.35, 0.6)
    raised = y - slope * _from_lines(x, length, draws.uniform(0, 1))
    distance = _from_lines(raised, period, draws.uniform(0, 1)) - width / 2
    return distance / stretch


def grid(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Thin lines both ways: the distance from the nearest, less half a line's width."""
    period = draws.uniform(0.1, 0.25)
    width = period * draws.uniform(0.12, 0.26)
    columns = _from_lines(x, period, draws.uniform(0, 1))
    rows = _from_lines(y, period, draws.uniform(0, 1))
    return np.minimum(columns, rows) - width / 2


def checkerboard(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Squares of side p; u and v are the signed distances from the nearest borders.

    u = (distance of x from lines 2 p apart) - p/2, and v the same for y. Both change
    sign from square to square; d = sign(u v) min(|u|, |v|).
    """
    side = draws.uniform(0.07, 0.2)
    u = _from_lines(x, 2 * side, draws.uniform(0, 1)) - side / 2
    v = _from_lines(y, 2 * side, draws.uniform(0, 1)) - side / 2
    return np.copysign(np.minimum(np.abs(u), np.abs(v)), u * v)


def bricks(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Rows of height h, each shifted by half a brick: mortar lines, less their width.

    d is positive in the mortar (half the mortar's width, less the distance from it).
    """
    height = draws.uniform(0.08, 0.17)
    length = height * draws.uniform(1.9, 2.6)
    mortar = height * draws.uniform(0.12, 0.24)
    row = np.floor(y / height)
    shifted = x + length / 2 * np.mod(row, 2) + draws.uniform(0, 1)
    joints = _from_lines(shifted, length, 0)
    return mortar / 2 - np.minimum(joints, _from_lines(y, height, 0))


def dots(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Discs of radius r about the points of a square lattice, period p."""
    period = draws.uniform(0.1, 0.25)
    radius = period * draws.uniform(0.24, 0.38)
    columns = _from_lines(x, period, draws.uniform(0, 1))
    rows = _from_lines(y, period, draws.uniform(0, 1))
    return np.hypot(columns, rows) - radius


def honeycomb(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """The walls between hexagonal cells of width p.

    The centres are two lattices, p by sqrt(3) p, half a period apart; (u, v) is the
    offset from the nearer lattice's centre, and p/2 - max(u, u/2 + sqrt(3)/2 v) the
    distance from the cell's wall.
    """
    period = draws.uniform(0.12, 0.26)
    wall = period * draws.uniform(0.1, 0.22)
    x, y = x + draws.uniform(0, 1), y + draws.uniform(0, 1)
    tall = period * math.sqrt(3)
    u_1, v_1 = _from_lines(x, period, 0), _from_lines(y, tall, 0)
    u_2, v_2 = period / 2 - u_1, tall / 2 - v_1
    first = u_1 * u_1 + v_1 * v_1 < u_2 * u_2 + v_2 * v_2
    u, v = np.where(first, u_1, u_2), np.where(first, v_1, v_2)
    return period / 2 - np.maximum(u, u / 2 + math.sqrt(0.75) * v) - wall / 2


def rays(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """Beams from one point: |p| times the angle's distance from 2 pi / n, less w/2."""
    count = draws.integer(7, 14)
    share = draws.uniform(0.4, 0.6)
    x, y = _off_centre(x, y, draws)
    period = 2 * math.pi / count
    angle = _from_lines(np.arctan2(y, x), period, 0) - share * period / 2
    return np.hypot(x, y) * angle


def spiral(x: np.ndarray, y: np.ndarray, draws: Draws) -> np.ndarray:
    """The band along |p| = p angle / (2 pi).

    The distance along the radius over sqrt(1 + (p / (2 pi |p|))^2) is that from the
    curve.
    """
    period = draws.uniform(0.13, 0.26)
    width = period * draws.uniform(0.35, 0.6)
    x, y = _off_centre(x, y, draws)
    radius = np.hypot(x, y)
    pitch = period / (2 * math.pi)
    unrolled = radius - pitch * np.arctan2(y, x)
    distance = _from_lines(unrolled, period, 0) - width / 2
    return distance * radius / np.hypot(radius, pitch)


def _from_lines(value: np.ndarray, period: float, phase: float) -> np.ndarray:
    """|v - p rint(v / p)|, v moved by `phase` periods: 0..p/2, float32 like `value`."""
    turns = value / period + phase
    return np.abs(turns - np.rint(turns)) * period


def _off_centre(
    x: np.ndarray, y: np.ndarray, draws: Draws
) -> tuple[np.ndarray, np.ndarray]:
    """Moves the origin by up to a fifth of the shorter side, both ways."""
    return (x - draws.uniform(-0.2, 0.2), y - draws.uniform(-0.2, 0.2))


PATTERNS = {
    function.__name__: function
    for function in (
        bricks,
        checkerboard,
        dots,
        grid,
        honeycomb,
        rays,
        spiral,
        stripes,
        waves,
        zigzag,
    )
}
