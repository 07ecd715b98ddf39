"""Contestants made of this project, and the limits measured with the same libraries.

Each function returns the callable that `worker` times. A call ends when its result is
there.
"""

from __future__ import annotations

from collections.abc import Callable

Call = Callable[[], None]


def product(precision: str, size: int, calls: int) -> Call:
    """Products of two square matrices: the limit that utilization is measured by."""
    import tensorflow as tf

    dtype = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16}[precision]
    a, b = (
        tf.cast(tf.random.stateless_normal([size, size], (0, seed)), dtype)
        for seed in (0, 1)
    )
    multiply = tf.function(tf.matmul)

    def call() -> None:
        for _ in range(calls):
            result = multiply(a, b)
        result.numpy()

    call()
    return call


def copy(num_bytes: int, calls: int) -> Call:
    """Copies of an array larger than every cache, by all threads."""
    import tensorflow as tf

    source = tf.Variable(tf.zeros([num_bytes // 4]))
    target = tf.Variable(tf.zeros([num_bytes // 4]))

    @tf.function
    def add() -> None:
        target.assign(-source)

    def call() -> None:
        for _ in range(calls):
            add()
        target[0].numpy()

    call()
    return call


def normalize(method: str, precision: str, shape: tuple[int, ...], calls: int) -> Call:
    """Response normalization of one tower's maps, forward and backward."""
    import tensorflow as tf

    from alexnet_tf.network import normalization

    dtype = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16}[precision]
    function = {
        "reference": normalization.normalize_reference,
        "banded": normalization.normalize_banded,
        "fused": normalization.normalize_fused,
    }[method]
    x, dy = (
        tf.cast(30.0 * tf.random.stateless_normal(shape, (0, seed)), dtype)
        for seed in (0, 1)
    )

    @tf.function
    def both_ways(x: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        y = function(x, 2, 2.0, 1e-4, 0.75)
        return y, tf.gradients(y, x, dy)[0]

    def call() -> None:
        for _ in range(calls):
            _, dx = both_ways(x, dy)
        dx[0, 0, 0, 0].numpy()

    call()
    return call
