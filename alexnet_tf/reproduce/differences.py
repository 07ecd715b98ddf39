"""The difference between two arms' errors, with an interval (ours).

Both arms are trained with the same folds, seeds and data orders, and answer the same
held-out images. With x = 1 for a wrong answer and 0 for a right one,

  d = mean over images of (x of the arm - x of the control)

per fold, and pooled over all folds. The 95 % interval of the pooled difference is the
2.5th to 97.5th percentile of a paired bootstrap: folds are drawn with replacement, and
within each drawn fold images, keeping each image's two answers together.

Where a run has one number instead, such as its number of epochs, d is the mean over
folds or seeds of the difference, or of the difference of logarithms where ratios
matter, and its interval is Student's: d -+ t(0.975, n - 1) s / sqrt(n).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

NUM_RESAMPLES = 10_000
# The 97.5th percentile of Student's t, of 1, 2, ... degrees of freedom.
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


@dataclasses.dataclass(frozen=True)
class Difference:
    """An arm's value minus its control's: of errors, as fractions (-1..1).

    Attributes:
      by_fold: of each fold, or seed.
      pooled: of all folds' images together; of numbers, their mean.
      low, high: the 95 % interval of `pooled`; infinite for a single number.
      num_images: held-out images in all folds; 0 where numbers are compared.
    """

    by_fold: tuple[float, ...]
    pooled: float
    low: float
    high: float
    num_images: int


def compare(
    arm: Sequence[np.ndarray], control: Sequence[np.ndarray], seed: int = 0
) -> Difference:
    """Compares two arms' answers.

    Args:
      arm: of each fold, bool [images], True where the answer is wrong.
      control: the same images, in the same order.
      seed: of the bootstrap.

    Raises:
      ValueError: if there is no fold, or a fold has other images in the two arms.
    """
    if not arm or [len(a) for a in arm] != [len(c) for c in control]:
        raise ValueError("the arms have no folds, or folds of different images")
    # Of each fold: how many images only the control, neither or both, and only the arm
    # got wrong. The order of the images does not matter to their mean.
    changes = [
        np.asarray(a, np.int64) - np.asarray(c, np.int64)
        for a, c in zip(arm, control, strict=True)
    ]
    counts = np.array([[np.sum(d == value) for value in (-1, 0, 1)] for d in changes])
    sizes = counts.sum(1)
    pooled = float((counts[:, 2] - counts[:, 0]).sum() / sizes.sum())
    resampled = _resample(counts, np.random.default_rng(seed))
    low, high = np.percentile(resampled, (2.5, 97.5))
    return Difference(
        tuple(((counts[:, 2] - counts[:, 0]) / sizes).tolist()),
        pooled,
        float(low),
        float(high),
        int(sizes.sum()),
    )


def compare_numbers(
    arm: Sequence[float], control: Sequence[float], as_ratios: bool = False
) -> Difference:
    """Compares one number per fold or seed; of ratios, all results are logarithms.

    Raises:
      ValueError: if there is none, or the two have different lengths.
    """
    if not arm or len(arm) != len(control):
        raise ValueError("the arms have no numbers, or not equally many")
    first, second = np.asarray(arm, np.float64), np.asarray(control, np.float64)
    values = np.log(first) - np.log(second) if as_ratios else first - second
    mean, margin = float(values.mean()), math.inf
    if len(values) > 1:
        margin = _find_margin(values)
    return Difference(tuple(values.tolist()), mean, mean - margin, mean + margin, 0)


def compare_images(values: np.ndarray) -> Difference:
    """The mean of differences, [runs, N], whose runs answer the same N images.

    The interval is Student's, over the images' means.

    Raises:
      ValueError: if there are fewer than two images.
    """
    if values.shape[1] < 2:
        raise ValueError("there are fewer than two images")
    mean, margin = float(values.mean()), _find_margin(values.mean(axis=0))
    by_run = tuple(values.mean(axis=1).tolist())
    return Difference(by_run, mean, mean - margin, mean + margin, values.shape[1])


def _find_margin(values: np.ndarray) -> float:
    """Half of the 95 % interval of the mean of at least two values."""
    freedom = len(values) - 1
    # The formula is within 0.015 of the quantile from 11 on.
    quantile = _STUDENT[freedom - 1] if freedom <= 10 else 1.96 + 2.5 / freedom
    return quantile * float(values.std(ddof=1)) / math.sqrt(len(values))


def _resample(counts: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Pooled differences of bootstrap samples, float64 [NUM_RESAMPLES].

    Drawing n images with replacement draws the three counts from a multinomial.
    """
    num_folds = len(counts)
    drawn = generator.integers(num_folds, size=(NUM_RESAMPLES, num_folds))
    sizes = counts.sum(1)
    shares = counts / sizes[:, np.newaxis]
    sampled = generator.multinomial(sizes[drawn], shares[drawn])
    return (sampled[..., 2] - sampled[..., 0]).sum(1) / sizes[drawn].sum(1)
