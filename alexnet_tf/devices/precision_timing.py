"""Measures how fast this CPU computes in bfloat16, relative to float32.

A CPU's flags do not tell: with AVX-512 bfloat16 and no AMX, the same matmuls took 1.7
to 2.1 times as long as in float32 on one CPU, and half as long on another. So the main
operations of training are timed in both: a fully-connected layer's matmul and its
kernel's gradient, and a convolution and its kernels' gradient. They run as graph
functions, as the network does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

FLOAT32, BFLOAT16 = "float32", "bfloat16"
# Small enough for a few milliseconds each, large enough that the overhead of a call is
# small. The convolution takes most of the time, as in the network.
_BATCH, _UNITS = 128, (512, 1024)
_MAPS_SHAPE, _KERNEL_SHAPE = (4, 13, 13, 128), (3, 3, 128, 192)

# Rounds end when the time is used up, but not before the second, unless in the first
# one type is this many times as fast, which noise cannot reverse.
_MAX_ROUNDS, _SECONDS, _CLEAR = 10, 0.05, 3.0

Operation = Callable[[], Any]


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds by type, "float32" and "bfloat16", each the best of several runs.

    `matmul` has the two matmuls together, `convolution` the forward pass and the
    kernels' gradient together.
    """

    matmul: Mapping[str, float]
    convolution: Mapping[str, float]

    @property
    def speedup(self) -> float:
        """Total time in float32 divided by total time in bfloat16."""
        return (self.matmul[FLOAT32] + self.convolution[FLOAT32]) / (
            self.matmul[BFLOAT16] + self.convolution[BFLOAT16]
        )

    def describe(self) -> str:
        """Which is faster: bfloat16 is 1.9 times as fast as float32 here (...)."""
        fast, slow = FLOAT32, BFLOAT16
        if self.speedup >= 1:
            fast, slow = slow, fast
        total = max(self.speedup, 1 / self.speedup)
        matmul = self.matmul[slow] / self.matmul[fast]
        convolution = self.convolution[slow] / self.convolution[fast]
        return (
            f"{fast} is {total:.2g} times as fast as {slow} here (matmul {matmul:.2g}, "
            f"convolution {convolution:.2g})"
        )


def make_operations() -> dict[tuple[str, str], Operation]:
    """(operation, type) -> a function that runs it once and waits for the result."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, np.float32)

    num_in, num_out = _UNITS
    gradient_shape = (*_MAPS_SHAPE[:3], _KERNEL_SHAPE[3])
    matrices = draw(_BATCH, num_in), draw(num_in, num_out), draw(_BATCH, num_out)
    maps = draw(*_MAPS_SHAPE), draw(*_KERNEL_SHAPE), draw(*gradient_shape)
    operations: dict[tuple[str, str], Operation] = {}
    with tf.device("/CPU:0"):
        for name in (FLOAT32, BFLOAT16):
            for what, function, arrays in (
                ("matmul", _multiply, matrices),
                ("convolution", _convolve, maps),
            ):
                # Arguments, not constants: TensorFlow would fold constants.
                operands = [tf.cast(array, name) for array in arrays]
                graph = tf.function(function, autograph=False)
                operations[what, name] = functools.partial(_wait, graph, operands)
    return operations


def _multiply(x: tf.Tensor, kernel: tf.Tensor, gradient: tf.Tensor) -> Any:
    return tf.matmul(x, kernel), tf.matmul(x, gradient, transpose_a=True)


def _convolve(x: tf.Tensor, kernel: tf.Tensor, gradient: tf.Tensor) -> Any:
    y = tf.nn.conv2d(x, kernel, 1, "SAME")
    return y, tf.gradients(y, kernel, grad_ys=gradient)[0]


def _wait(function: Callable, operands: list[tf.Tensor]) -> None:
    with tf.device("/CPU:0"):
        for result in function(*operands):
            result.numpy()


def measure(
    operations: Mapping[tuple[str, str], Operation] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Times the operations, `make_operations` by default, in both types every round.

    Other load on the machine only makes runs longer, so the best run of each counts;
    alternating the types exposes both to the same load. `clock` returns seconds.
    """
    operations = make_operations() if operations is None else operations
    with _quiet():
        for operation in operations.values():
            operation()  # traces, and prepares the kernels
    best = dict.fromkeys(operations, float("inf"))
    begun = clock()
    for number in range(_MAX_ROUNDS):
        for key, operation in operations.items():
            start = clock()
            operation()
            best[key] = min(best[key], clock() - start)
        timing = Timing(
            *(
                {name: best[what, name] for name in (FLOAT32, BFLOAT16)}
                for what in ("matmul", "convolution")
            )
        )
        is_clear = max(timing.speedup, 1 / timing.speedup) > _CLEAR
        if clock() - begun > _SECONDS and (number > 0 or is_clear):
            break
    return timing


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses what TensorFlow prints on CPUs without bfloat16."""
    try:
        descriptor = os.dup(2)
    except OSError:
        yield  # Standard error is closed.
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(descriptor, 2)
        os.close(descriptor)
