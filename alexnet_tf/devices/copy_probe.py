"""Finds out whether copies between two devices arrive (ours).

On some machines a GPU reads zeros or garbage from another GPU's memory, and nothing
reports an error: the network then trains on noise in place of the other tower's maps.
So a few megabytes of random numbers are sent each way before a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

_MEGABYTES = 4
# Faults may depend on the addresses.
_NUM_COPIES = 3

Copy = Callable[[np.ndarray, str, str], np.ndarray]


def copy_between(numbers: np.ndarray, source: str, target: str) -> np.ndarray:
    """Sends `numbers`, float32, to device `source`, from there to `target`, and back.

    Devices are named "/device:GPU:0".
    """
    # TensorFlow keeps integers of GPUs in the host's memory; floats it copies.
    with tf.device(source):
        sent = tf.identity(tf.constant(numbers))
    with tf.device(target):
        arrived = tf.identity(sent)
    return np.asarray(arrived.numpy())


def find_broken(
    devices: Sequence[str], copy: Copy = copy_between
) -> list[tuple[str, str]]:
    """The pairs (from, to) of `devices` between which numbers do not arrive.

    The numbers are compared bit for bit. A copy that fails has not arrived either.
    Raises `tf.errors.ResourceExhaustedError` if a device lacks memory.
    """
    generator = np.random.default_rng(0)
    broken = []
    for source in devices:
        for target in devices:
            if source == target:
                continue
            for _ in range(_NUM_COPIES):
                numbers = generator.random(_MEGABYTES << 18, np.float32)
                if not _arrives(copy, numbers, source, target):
                    broken.append((source, target))
                    break
    return broken


def _arrives(copy: Copy, numbers: np.ndarray, source: str, target: str) -> bool:
    try:
        return np.array_equal(copy(numbers, source, target), numbers)
    except tf.errors.ResourceExhaustedError:
        raise  # says nothing about the copies
    except tf.errors.OpError:
        return False
