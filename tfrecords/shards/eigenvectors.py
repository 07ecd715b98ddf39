"""Eigenvalues and eigenvectors of a small symmetric matrix, bit for bit on any machine.

LAPACK's answer depends on the processor: NumPy's `eigh` chooses its kernels when it is
loaded, and the last bit of an eigenvector differs between one with AVX2 and one with
AVX-512. The checksums of a data directory would differ, too, so that a run could not be
resumed on data that another machine had converted from the same archives.

The method is Jacobi's, with Python's floats: IEEE 754 rounds +, -, *, / and the square
root correctly, and the interpreter does not fuse them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# A sweep squares the size of what is off the diagonal; six do for 3x3.
_MAX_SWEEPS = 50
# Relative to the matrix, squared: far below the rounding of its elements.
_NEGLIGIBLE = 1e-36


def diagonalize(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, float64 [N], and eigenvectors, float64 [N, N] unit columns.

    `matrix` is symmetric and finite, float64 [N, N], N small (3 here). The order is
    that of the matrix's rows, not sorted.
    """
    a = matrix.astype(np.float64).tolist()
    size = len(a)
    vectors = np.eye(size).tolist()
    total = sum(value * value for row in a for value in row)
    for _ in range(_MAX_SWEEPS):
        pairs = [(p, q) for p in range(size) for q in range(p + 1, size)]
        if sum(a[p][q] * a[p][q] for p, q in pairs) <= _NEGLIGIBLE * total:
            break
        for p, q in pairs:
            _rotate(a, vectors, p, q)
    return np.array([a[k][k] for k in range(size)]), np.array(vectors)


def _rotate(
    a: Sequence[list[float]], vectors: Sequence[list[float]], p: int, q: int
) -> None:
    """Makes a[p][q] zero by the rotation of rows and columns p and q, in place.

    With tan(angle) = t, the smaller root of t^2 + 2 t theta - 1 = 0, where
    theta = (a[q][q] - a[p][p]) / (2 a[p][q]).
    """
    if a[p][q] == 0:
        return
    theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
    # Not math.hypot, whose rounding depends on Python's version.
    t = math.copysign(1 / (abs(theta) + math.sqrt(theta * theta + 1)), theta)
    cosine = 1 / math.sqrt(t * t + 1)
    sine = t * cosine
    for row in (*a, *vectors):
        row[p], row[q] = (
            cosine * row[p] - sine * row[q],
            sine * row[p] + cosine * row[q],
        )
    above, below = a[p], a[q]
    for k in range(len(a)):
        above[k], below[k] = (
            cosine * above[k] - sine * below[k],
            sine * above[k] + cosine * below[k],
        )
    a[p][q] = a[q][p] = 0.0
