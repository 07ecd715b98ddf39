"""Top-1 and top-5 error, as counts of images.

The paper (section 1) reports the fraction of images whose label is not the network's
first class (top-1), or not among its first five (top-5). Counts add up exactly over
batches of any size; the division comes last.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

TOP_K = 5
ERRORS = ("top1_error", "top5_error")


def find_errors(scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Finds the images with top-1 and top-5 errors.

    With r the number of *other* classes whose score is not below the label's,

        top-1 error:  r >= 1        top-5 error:  r >= min(5, num_classes)

    Ties therefore count as errors, whatever the order of classes, and a row with a NaN
    is an error in both.

    Takes scores, float [batch, num_classes], logits or probabilities, and labels,
    integer [batch], 0..num_classes-1. Returns bool [batch, 2]: top-1 error, top-5
    error.
    """
    label_scores = tf.gather(scores, labels, axis=1, batch_dims=1)[:, tf.newaxis]
    # Written as "not below" so that a NaN counts as an error.
    not_below = tf.logical_not(scores < label_scores)
    num_rivals = tf.reduce_sum(tf.cast(not_below, tf.int32), axis=1) - 1
    k = tf.minimum(TOP_K, tf.shape(scores)[1])
    broken = tf.reduce_any(tf.math.is_nan(scores), axis=1)
    is_error = num_rivals[:, tf.newaxis] >= tf.stack([1, k])
    return tf.logical_or(is_error, broken[:, tf.newaxis])


def count_errors(scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Counts the errors of `find_errors`: int32 [2], top-1 errors, top-5 errors."""
    return tf.reduce_sum(tf.cast(find_errors(scores, labels), tf.int32), axis=0)


def format_errors(top1_error: float, top5_error: float, num_classes: int) -> str:
    """Formats both errors, fractions 0..1: "top-1 error 40.00%, top-5 18.00%".

    Omits top-5 with five classes or fewer, where it is always 0.
    """
    text = f"top-1 error {top1_error:.2%}"
    return f"{text}, top-5 {top5_error:.2%}" if num_classes > TOP_K else text


@dataclasses.dataclass
class ErrorCounts:
    """Counts of images and errors, and the sum of losses.

    `dataclasses.asdict` and `ErrorCounts(**values)` save and restore it.
    """

    num_seen: int = 0
    top1_errors: int = 0
    top5_errors: int = 0
    loss_sum: float = 0.0

    def add(
        self, num_seen: int, top1_errors: int, top5_errors: int, loss_sum: float = 0.0
    ) -> None:
        """Adds a batch: its size, its errors, and the sum (not mean) of its losses."""
        self.num_seen += int(num_seen)
        self.top1_errors += int(top1_errors)
        self.top5_errors += int(top5_errors)
        self.loss_sum += float(loss_sum)

    def share(self, add: Callable[[np.ndarray], np.ndarray]) -> ErrorCounts:
        """The counts of all workers; `add` sums an array over them."""
        total = ErrorCounts()
        total.add(*add(np.array(dataclasses.astuple(self), np.float64)))
        return total

    @property
    def top1_error(self) -> float:
        """Fraction of the images seen, 0..1."""
        return self.top1_errors / self._require_seen()

    @property
    def top5_error(self) -> float:
        """Fraction of the images seen, 0..1."""
        return self.top5_errors / self._require_seen()

    @property
    def loss(self) -> float:
        """Mean over the images seen, nats."""
        return self.loss_sum / self._require_seen()

    def describe(self) -> dict[str, float]:
        """The loss and both errors by name."""
        return {name: getattr(self, name) for name in ("loss", *ERRORS)}

    def _require_seen(self) -> int:
        if not self.num_seen:
            raise ValueError("no images were counted, so there is no error rate")
        return self.num_seen


class PerClassErrors:
    """Counts of each class's images, and of their top-1 and top-5 errors.

    `num_seen` is int64 [num_classes], `errors` int64 [num_classes, 2].
    """

    def __init__(self, num_classes: int):
        self.num_seen = np.zeros(num_classes, np.int64)
        self.errors = np.zeros((num_classes, 2), np.int64)

    def add(self, labels: np.ndarray, is_error: np.ndarray) -> None:
        """Adds a batch: labels, integer [batch], and `find_errors`, bool [batch, 2]."""
        np.add.at(self.num_seen, labels, 1)
        np.add.at(self.errors, labels, np.asarray(is_error, np.int64))
