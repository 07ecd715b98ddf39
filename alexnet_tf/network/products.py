"""A batch times a kernel, past an obstacle in the processor's cache.

A cache holds what lies a multiple of 4,096 bytes apart in the same few places. Of a
kernel whose rows are 8,192 bytes long, as those of 2,048 float32 are, each row pushes
out the one before, and oneDNN's product for AVX2 takes twice its time. Rows that are 64
bytes longer do not meet; making them so costs a fifth of the product (figures in
docs/performance.md).
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
    """The product of x and kernel, by the faster of two ways.

    Args:
      x: float [B, n].
      kernel: of the same dtype, [n, m].

    Returns:
      [B, m].
    """
    if has_conflicts(x.shape[0], kernel) and suffers_conflicts():
        return multiply_apart(x, kernel)
    return tf.matmul(x, kernel)


def has_conflicts(num_rows: int | None, kernel: tf.Tensor) -> bool:
    """Do the rows of `kernel` meet in the cache, and is x large enough to matter?

    Args:
      num_rows: of x; None where the graph does not know it.
      kernel: [n, m].
    """
    row_bytes = kernel.shape[1] * kernel.dtype.size
    return (num_rows or 0) >= _FEWEST_ROWS and row_bytes % _PERIOD_BYTES == 0


@functools.cache
def suffers_conflicts() -> bool:
    """Is this a machine like those measured: x86 with AVX2, no AVX-512, and no GPU?

    With AVX-512 oneDNN has other products, of which that was not measured. The rule
    asks for the instructions and does not time them at every start, so that a run that
    goes on takes the way that it began with.
    """
    flags = precision.read_cpu_flags()
    is_avx2 = "avx2" in flags and "avx512f" not in flags
    return is_avx2 and not tf.config.list_physical_devices("GPU")


@tf.custom_gradient
def multiply_apart(x: tf.Tensor, kernel: tf.Tensor) -> Any:
    """The product, with the rows of the kernel made longer by 16 numbers.

      y = (x [kernel, 0])[:, :m];  dx = dy kernel^T;  dkernel = x^T dy

    Args, returns: `multiply`'s.
    """
    longer = tf.pad(kernel, [[0, 0], [0, _MARGIN]])

    def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return (
            tf.matmul(dy, kernel, transpose_b=True),
            tf.matmul(x, dy, transpose_a=True),
        )

    return tf.matmul(x, longer)[:, : kernel.shape[1]], gradient
