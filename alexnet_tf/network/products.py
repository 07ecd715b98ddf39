"""A matmul that avoids cache conflicts between the kernel's rows.

Addresses that are a multiple of 4,096 bytes apart share a cache set. If a kernel's rows
are 8,192 bytes long (2,048 float32), each row evicts the previous one, and oneDNN's
AVX2 matmul takes twice as long. Rows that are 64 bytes longer do not conflict; padding
them costs a fifth of the matmul (measurements in docs/performance.md).
"""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from alexnet_tf.devices import precision

_PERIOD_BYTES = 4096
_MARGIN = 16
# With fewer rows in x, copying the kernel costs more than it saves.
_FEWEST_ROWS = 32


def multiply(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Multiplies float x [B, n] by the kernel [n, m], by the faster of two methods."""
    if has_conflicts(x.shape[0], kernel) and suffers_conflicts():
        return multiply_apart(x, kernel)
    return tf.matmul(x, kernel)


def has_conflicts(num_rows: int | None, kernel: tf.Tensor) -> bool:
    """True if rows of the kernel [n, m] conflict in the cache and x has enough rows.

    The number of rows of x is None if it is unknown in the graph.
    """
    row_bytes = kernel.shape[1] * kernel.dtype.size
    return (num_rows or 0) >= _FEWEST_ROWS and row_bytes % _PERIOD_BYTES == 0


@functools.cache
def suffers_conflicts() -> bool:
    """True on CPUs where the slowdown was measured: x86 with AVX2, without AVX-512.

    False if there is a GPU. With AVX-512, oneDNN uses other kernels, for which it was
    not measured. The rule checks for the instructions instead of timing them at each
    start, so that a resumed run uses the method that it started with.
    """
    flags = precision.read_cpu_flags()
    is_avx2 = "avx2" in flags and "avx512f" not in flags
    return is_avx2 and not tf.config.list_physical_devices("GPU")


@tf.custom_gradient
def multiply_apart(x: tf.Tensor, kernel: tf.Tensor) -> Any:
    """`multiply`, with 16 zeros appended to each row of the kernel.

    y = (x [kernel, 0])[:, :m];  dx = dy kernel^T;  dkernel = x^T dy
    """
    longer = tf.pad(kernel, [[0, 0], [0, _MARGIN]])

    def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return (
            tf.matmul(dy, kernel, transpose_b=True),
            tf.matmul(x, dy, transpose_a=True),
        )

    return tf.matmul(x, longer)[:, : kernel.shape[1]], gradient
