"""Response normalization (paper, section 3.3), within one tower or across both.

  b[i] = a[i] / (k + alpha * sum over j in [i - r, i + r] of a[j]^2) ^ beta

with k = 2, n = 2 r + 1 = 5, alpha = 1e-4, beta = 0.75. j stays within the tower's maps;
with the scope "all" it runs over both towers' maps, side by side (ours, for imported
weights). `LocalResponseNormalization` computes it with TensorFlow's op, as matmuls with
a banded matrix, or as sums of shifted maps that XLA compiles to a few loops.
`MapNormalization` is the source's second normalization in conv2.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf import stack
from alexnet_tf.network.layers import PlacedLayer


class LocalResponseNormalization(PlacedLayer):
    """The paper's normalization over adjacent maps.

    Args:
      method: "reference", `tf.nn.local_response_normalization`; "banded" or "fused",
        equal to it up to float32 rounding and faster; "auto", the fastest.
      radius: r, maps on each side.
      bias: k.
      alpha: as in the formula, not divided by n.
      beta: the exponent.
      share: (i, n): outputs the i-th of n equal parts of the input maps, so that a
        tower that sees all towers' maps keeps its own.
      rectified: the input comes from a ReLU whose gradient this layer computes; only
        for the method "fused", see `normalize_fused`.
      **kwargs: `PlacedLayer`'s.
    """

    def __init__(
        self,
        method: str,
        radius: int,
        bias: float,
        alpha: float,
        beta: float,
        share: tuple[int, int] = (0, 1),
        rectified: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self._normalize = _METHODS[resolve_method(method)]
        if rectified:
            self._normalize = functools.partial(normalize_fused, rectified=True)
        self.radius, self.bias, self.alpha, self.beta = radius, bias, alpha, beta
        self.share = share

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B, H, W, maps] -> [B, H, W, maps / n], with n from `share`."""
        y = self._normalize(x, self.radius, self.bias, self.alpha, self.beta)
        index, count = self.share
        return tf.split(y, count, axis=-1)[index] if count > 1 else y


def resolve_method(method: str) -> str:
    """The setting `normalization`, with "auto" resolved for this TensorFlow version."""
    if method != "auto":
        return method
    return "fused" if stack.XLA_FUSES_LOOPS else "banded"


def make_portable(method: str) -> str:
    """The method for a saved network, which must run without XLA."""
    return "banded" if method in ("auto", "fused") else method


def normalize_reference(
    x: tf.Tensor, radius: int, bias: float, alpha: float, beta: float
) -> tf.Tensor:
    """Computes the formula with TensorFlow's op; x is [B, H, W, maps].

    It computes in float32: the op does not support bfloat16, and on GPUs it supports
    only float32.
    """
    y = tf.nn.local_response_normalization(
        tf.cast(x, tf.float32), depth_radius=radius, bias=bias, alpha=alpha, beta=beta
    )
    return tf.cast(y, x.dtype)


def normalize_banded(
    x: tf.Tensor, radius: int, bias: float, alpha: float, beta: float
) -> tf.Tensor:
    """The formula as matmuls with a banded 0/1 matrix B, B[i, j] = |i - j| <= radius.

      s = bias + alpha (x^2 B);  y = x s^-beta
      dx = dy s^-beta - 2 alpha beta x ((dy y / s) B)

    Powers are computed in float32, matmuls in x's dtype. For float16 everything is
    computed in float32, as the square of 256 would overflow. x is float [B, H, W,
    maps]; y has its shape and dtype.
    """
    if x.dtype == tf.float16:
        wide = tf.cast(x, tf.float32)
        return tf.cast(normalize_banded(wide, radius, bias, alpha, beta), x.dtype)
    maps = x.shape[-1]
    distance = np.abs(np.subtract.outer(np.arange(maps), np.arange(maps)))
    band = tf.constant((distance <= radius).astype(np.float32))

    def sum_neighbours(values: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(values, [-1, maps])
        return tf.reshape(
            tf.matmul(flat, tf.cast(band, values.dtype)), tf.shape(values)
        )

    @tf.custom_gradient
    def normalize(x: tf.Tensor) -> Any:
        s = bias + alpha * tf.cast(sum_neighbours(x * x), tf.float32)
        power = _power(s, beta)
        y = x * tf.cast(power, x.dtype)

        def gradient(dy: tf.Tensor) -> tf.Tensor:
            ratio = dy * y / tf.cast(s, x.dtype)
            factor = tf.cast(2.0 * alpha * beta, x.dtype)
            return dy * tf.cast(power, x.dtype) - factor * x * sum_neighbours(ratio)

        return y, gradient

    return normalize(x)


def normalize_fused(
    x: tf.Tensor,
    radius: int,
    bias: float,
    alpha: float,
    beta: float,
    rectified: bool = False,
) -> tf.Tensor:
    """The formula as sums of shifted maps, in three loops that XLA compiles.

      s = bias + alpha sum over |i - j| <= radius of x[j]^2;  y = x s^-beta
      t = dy y / s
      dx = dy s^-beta - 2 alpha beta x sum over |i - j| <= radius of t[j]

    Each line is one pass over memory, and memory bandwidth is the limit. s is therefore
    recomputed in float32 registers, not stored. The sums read maps that TensorFlow has
    padded with zeros beforehand: inside a loop, XLA would test every number for being
    padding (six times slower). Each new shape of x is compiled once, in about a second.

    With `rectified`, x = max(0, z) and the gradient returned is that of z:

      dz = dx where x > 0, else 0

    This is free here; as a separate op it would be another pass over all maps.

    Args, returns: as `normalize_banded`.
    """
    compute_y, compute_t, compute_dx = _compile_fused(
        radius, bias, alpha, beta, rectified
    )

    def pad(maps: tf.Tensor) -> tf.Tensor:
        return tf.pad(maps, [[0, 0]] * 3 + [[radius, radius]])

    @tf.custom_gradient
    def normalize(x: tf.Tensor) -> Any:
        padded = pad(x)

        def gradient(dy: tf.Tensor) -> tf.Tensor:
            return compute_dx(padded, dy, pad(compute_t(padded, dy)))

        return compute_y(padded), gradient

    return normalize(x)


@functools.cache
def _compile_fused(
    radius: int, bias: float, alpha: float, beta: float, rectified: bool
) -> tuple[Callable[..., tf.Tensor], ...]:
    """The loops of `normalize_fused`: y, t and dx, from padded x and t."""

    def shift(padded: tf.Tensor, distance: int) -> tf.Tensor:
        start = radius + distance
        return padded[..., start : start + padded.shape[-1] - 2 * radius]

    def sum_neighbours(terms: Callable[[int], tf.Tensor]) -> tf.Tensor:
        return sum(terms(distance) for distance in range(-radius, radius + 1))

    def read(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x = _get_bits(x)

        def square(distance: int) -> tf.Tensor:
            return tf.square(_widen(shift(x, distance)))

        return _widen(shift(x, 0)), bias + alpha * sum_neighbours(square)

    @tf.function(jit_compile=True, autograph=False)
    def compute_y(padded: tf.Tensor) -> tf.Tensor:
        x, s = read(padded)
        return _narrow(x * _power(s, beta), padded.dtype)

    @tf.function(jit_compile=True, autograph=False)
    def compute_t(padded: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        x, s = read(padded)
        return _widen(_get_bits(dy)) * x * _power(s, beta) / s

    @tf.function(jit_compile=True, autograph=False)
    def compute_dx(padded: tf.Tensor, dy: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        x, s = read(padded)
        total = sum_neighbours(lambda distance: shift(t, distance))
        dx = _widen(_get_bits(dy)) * _power(s, beta) - 2.0 * alpha * beta * x * total
        if rectified:
            dx = tf.where(x > 0, dx, 0.0)
        return _narrow(dx, padded.dtype)

    return compute_y, compute_t, compute_dx


# XLA computes bfloat16 ops in float32, even slices: it would widen, slice, round and
# widen again. Integers it just copies, and a multiplication widens the bits.
_UPPER = 1 << 16
_NAN = 0x7FC0


def _get_bits(x: tf.Tensor) -> tf.Tensor:
    return tf.bitcast(x, tf.uint16) if x.dtype == tf.bfloat16 else x


def _widen(x: tf.Tensor) -> tf.Tensor:
    """Widens a float, or a bfloat16's bits (a float32's upper half), to float32."""
    if x.dtype == tf.uint16:
        return tf.bitcast(tf.cast(x, tf.uint32) * _UPPER, tf.float32)
    return tf.cast(x, tf.float32)


def _narrow(x: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Rounds float32 to `dtype`, half to even; XLA's bfloat16 rounding is slower."""
    if dtype != tf.bfloat16:
        return tf.cast(x, dtype)
    bits = tf.bitcast(x, tf.uint32)
    bits = (bits + (_UPPER // 2 - 1) + bits // _UPPER % 2) // _UPPER
    # GPUs make NaNs whose bits are all ones; the addition would wrap them to zero.
    bits = tf.where(x == x, bits, _NAN)
    return tf.bitcast(tf.cast(bits, tf.uint16), tf.bfloat16)


def _power(s: tf.Tensor, beta: float) -> tf.Tensor:
    # s^-0.75 = 1 / sqrt(s sqrt(s)): two square roots are much cheaper than a power.
    if beta == 0.75:
        return tf.math.rsqrt(s * tf.math.sqrt(s))
    return tf.math.pow(s, -beta)


_METHODS: dict[str, Callable[..., tf.Tensor]] = {
    "reference": normalize_reference,
    "banded": normalize_banded,
    "fused": normalize_fused,
}


class MapNormalization(PlacedLayer):
    """Response normalization within each map, over a window of pixels (source only).

      y = x / (1 + (alpha / size^2) * sum over size x size pixels of x^2) ^ beta

    with size 5, alpha 0.001, beta 0.75; pixels outside the map count as zero. In the
    source (`cnorm2` of net 145) it is between lrn2 and pool2.
    """

    def __init__(
        self, size: int = 5, alpha: float = 0.001, beta: float = 0.75, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.size, self.alpha, self.beta = size, alpha, beta

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B, H, W, maps] -> the same shape."""
        margin = [self.size // 2, self.size // 2]
        # In float16 the square of 256 overflows.
        squares = tf.square(tf.cast(x, tf.float32))
        padded = tf.pad(squares, [[0, 0], margin, margin, [0, 0]])
        # VALID over explicit zeros, so that the mean always divides by size^2.
        mean = tf.nn.avg_pool2d(padded, self.size, 1, "VALID")
        return x * tf.cast(_power(1.0 + self.alpha * mean, self.beta), x.dtype)
