"""Compares response normalization with float64, by method and arithmetic.

Forward and backward, on the device that TensorFlow chooses, for the maps of the paper's
first two layers:

  y[i] = x[i] / s[i]^beta,  s[i] = k + alpha * sum over |j - i| <= 2 of x[j]^2
  dx[i] = dy[i] s[i]^-beta - 2 alpha beta x[i] sum over |j - i| <= 2 of
          dy[j] x[j] s[j]^(-beta - 1)
"""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import numpy as np
from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords.console import command_line

SYNOPSIS = """\
python tools/normalization_errors.py [--batch_size=16]

Prints the largest difference from float64, forward and backward, as a share of the
largest value, for each method and arithmetic."""

_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "images", lower_bound=1)

# Rows, columns and maps of one tower's lrn1 and lrn2 (sections 3.3 and 3.5).
LAYERS = {"lrn1": (55, 55, 48), "lrn2": (27, 27, 128)}
METHODS = ("reference", "banded", "fused")
DTYPES = ("float32", "bfloat16", "float16")
# k, alpha, beta and n // 2 (section 3.3).
_BIAS, _ALPHA, _BETA, _RADIUS = 2.0, 1e-4, 0.75, 2


def _sum_neighbours(values: np.ndarray) -> np.ndarray:
    """The sum over the maps |j - i| <= 2 for each map i, the last axis."""
    width = values.shape[-1]
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(_RADIUS, _RADIUS)])
    shifts = range(2 * _RADIUS + 1)
    return np.asarray(sum(padded[..., shift : shift + width] for shift in shifts))


def normalize_exactly(x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The y and dx of the formulas above in float64, of the shape of x and dy."""
    x, dy = x.astype(np.float64), dy.astype(np.float64)
    s = _BIAS + _ALPHA * _sum_neighbours(x**2)
    inner = _sum_neighbours(dy * x * s ** (-_BETA - 1))
    return x * s**-_BETA, dy * s**-_BETA - 2 * _ALPHA * _BETA * x * inner


def measure(
    method: str, dtype: str, shape: tuple[int, ...]
) -> tuple[float, float, str]:
    """The largest error forward and backward, as a share, and the device's name.

    The inputs have the size of activations, up to a few hundred, and are rounded to
    `dtype` before, so that only the computation's errors count.
    """
    import tensorflow as tf

    from alexnet_tf.network import normalization

    rng = np.random.default_rng(0)
    draws = np.abs(100.0 * rng.standard_normal(shape)), rng.standard_normal(shape)
    x, dy = (tf.cast(tf.constant(draw, tf.float32), dtype) for draw in draws)
    layer = normalization.LocalResponseNormalization(
        method, _RADIUS, _BIAS, _ALPHA, _BETA, dtype=dtype
    )

    @tf.function(autograph=False)
    def compute(x: Any, dy: Any) -> Any:
        y = layer(x)
        return y, tf.gradients(y, x, grad_ys=dy)[0]

    found = compute(x, dy)
    exact = normalize_exactly(*(tf.cast(v, tf.float32).numpy() for v in (x, dy)))
    shares = [
        float(
            np.abs(tf.cast(value, tf.float32).numpy() - wanted).max()
            / np.abs(wanted).max()
        )
        for value, wanted in zip(found, exact, strict=True)
    ]
    return shares[0], shares[1], found[0].device.rpartition("/device:")[2]


def main() -> None:
    """Prints a row for each layer, method and arithmetic."""
    command_line.quiet_tensorflow()
    print("| layer | method | arithmetic | forward | backward | device |")
    print("|---|---|---|---|---|---|")
    for layer, maps in LAYERS.items():
        for method in METHODS:
            for dtype in DTYPES:
                shape = (_BATCH_SIZE.value, *maps)
                forward, backward, device = measure(method, dtype, shape)
                print(
                    f"| {layer} | {method} | {dtype} | {forward:.1e} | "
                    f"{backward:.1e} | {device} |",
                    flush=True,
                )


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS, prints_result=lambda: True)
