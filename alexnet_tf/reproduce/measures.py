"""What is compared between an arm and its control (ours).

A measure is either an answer per image, which is compared image by image, or one
number per run. Numbers are compared as differences or, where the paper says "times", as
ratios.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from alexnet_tf.reproduce import arrays, curves, differences
from alexnet_tf.reproduce.differences import Difference
from alexnet_tf.reproduce.run_records import RunRecord
from tfrecords.plurals import counted

# The largest logarithm whose exponential is printed.
_MAX_LOG = 20.0


@dataclasses.dataclass(frozen=True)
class Measure:
    """How to read a run's record.

    Attributes:
      text: what it is, for tables.
      read: record -> bool [images], True for wrong, or a number.
      read_control: the same of the control, if it is read otherwise.
      combine: instead of both, records -> differences, float [runs, images].
      compare_pair: instead of both, (record, control's record) -> difference.
      is_per_image: which of the two.
      is_ratio: whether numbers are compared by their ratio.
      probe: that a record must have.
      scale, unit, digits: how differences are printed: times `scale`, with so many
        digits, then `unit`.
    """

    text: str
    read: Callable[[RunRecord], np.ndarray | float] = lambda record: 0.0
    read_control: Callable[[RunRecord], np.ndarray | float] | None = None
    combine: Callable[[Sequence[RunRecord]], np.ndarray] | None = None
    compare_pair: Callable[[RunRecord, RunRecord], float] | None = None
    is_per_image: bool = False
    is_ratio: bool = False
    probe: str = ""
    scale: float = 1.0
    unit: str = ""
    digits: int = 1

    def compare(
        self, arm: Sequence[RunRecord], control: Sequence[RunRecord]
    ) -> Difference:
        """The difference between records of the same folds and seeds."""
        if self.combine is not None:
            return differences.compare_images(self.combine(arm))
        if self.compare_pair is not None:
            values = [
                self.compare_pair(*pair) for pair in zip(arm, control, strict=True)
            ]
            return differences.compare_numbers(values, [0.0] * len(values))
        read_control = self.read_control or self.read
        first: list[Any] = [self.read(record) for record in arm]
        second: list[Any] = [read_control(record) for record in control]
        if self.is_per_image:
            return differences.compare(first, second)
        return differences.compare_numbers(first, second, self.is_ratio)

    def format(self, difference: Difference) -> str:
        """As in "+1.4 points, 95 % interval -0.2 to +3.1, on 4,800 images"."""
        low, high = (
            self.format_value(difference.low),
            self.format_value(difference.high),
        )
        text = f"{self.format_value(difference.pooled)} {self.unit}"
        if difference.low == -math.inf:
            return f"{text}, of a single run"
        text += f", 95 % interval {low} to {high}"
        if not self.is_per_image:
            return f"{text}, of {counted(len(difference.by_fold), 'run')}"
        return f"{text}, on {counted(difference.num_images, 'image')}"

    def format_value(self, value: float) -> str:
        """One value of a `Difference`: "+1.4", or of a ratio "5.93"."""
        if self.is_ratio:
            return f"{math.exp(min(value, _MAX_LOG)):.2f}"
        return f"{self.scale * value:+.{self.digits}f}"


def _read_wrong(
    split: str | None, views: str, kind: str
) -> Callable[[RunRecord], np.ndarray]:
    return lambda record: record.get_wrong(split or record.split, views, kind)


def _make_error(text: str, split: str | None, views: str, kind: str) -> Measure:
    read = _read_wrong(split, views, kind)
    return Measure(text, read, is_per_image=True, scale=100, unit="points")


def compute_gap(record: RunRecord) -> float:
    """Error on images that it has not seen minus error on those that it has, -1..1."""
    return record.get_error(record.split, "centre", "top1") - record.get_error(
        "train", "centre", "top1"
    )


def find_tower_colours(record: RunRecord) -> float:
    """Distance between the towers' mean share of colour in conv1's kernels, 0..1."""
    towers = record.probes["kernels"]
    first, second = (np.mean(towers[name]["colour"]) for name in sorted(towers))
    return abs(float(first - second))


def compare_ensemble(records: Sequence[RunRecord]) -> np.ndarray:
    """Wrong by the averaged prediction minus wrong by each network's, [runs, images].

    The records answer the same images and keep their probabilities.
    """
    split = records[0].split
    kept = [record.probes["probabilities"] for record in records]
    scores = [arrays.decode(values[split]).astype(np.float64) for values in kept]
    labels = arrays.decode(kept[0][f"{split}_labels"])
    singles = np.array([find_wrong(array, labels) for array in scores], np.float64)
    return find_wrong(np.mean(scores, axis=0), labels) - singles


def find_wrong(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether another class has at least the label's score, bool [images]."""
    others = scores.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return np.asarray(others.max(1) >= scores[np.arange(len(labels)), labels])


def _read_probe(
    name: str, key: str, mean: bool = False
) -> Callable[[RunRecord], float]:
    def read(record: RunRecord) -> float:
        value = record.probes[name][key]
        return float(np.mean(value)) if mean else float(value)

    return read


MEASURES: dict[str, Measure] = {
    "top1": _make_error("top-1 error, ten views", None, "ten_views", "top1"),
    "top5": _make_error("top-5 error, ten views", None, "ten_views", "top5"),
    "centre_top1": _make_error("top-1 error, centre view", None, "centre", "top1"),
    "views_top1": Measure(
        "top-1 error, ten views against the centre view of the same network",
        _read_wrong(None, "ten_views", "top1"),
        read_control=_read_wrong(None, "centre", "top1"),
        is_per_image=True,
        scale=100,
        unit="points",
    ),
    "training_top1": _make_error(
        "top-1 error on the training images, centre view", "train", "centre", "top1"
    ),
    "below_19": Measure(
        "top-1 error on the validation images, ten views, against 19 %",
        lambda record: record.get_error("validation", "ten_views", "top1"),
        lambda record: 0.19,
        scale=100,
        unit="points",
    ),
    "gap": Measure(
        "top-1 error minus that on the training images, centre view",
        compute_gap,
        scale=100,
        unit="points",
    ),
    "equal_training": Measure(
        "top-1 error on the validation images at equal training error, centre view",
        compare_pair=curves.compare_at_equal_training,
        scale=100,
        unit="points",
    ),
    "early_loss": Measure(
        "mean training loss of the first five epochs",
        curves.compute_early_loss,
        unit="nats",
        digits=3,
    ),
    "first_ten_losses": Measure(
        "mean training loss of the first ten epochs",
        lambda record: curves.compute_early_loss(record, 10),
        unit="nats",
        digits=3,
    ),
    "dead_units": Measure(
        "dead units of fc6 and fc7 at the end",
        curves.find_dead_units,
        scale=100,
        unit="points",
    ),
    "thinned_divergence": Measure(
        "divergence from the geometric mean, against a single thinned network's",
        _read_probe("dropout_average", "kl"),
        _read_probe("dropout_average", "kl_single"),
        is_ratio=True,
        unit="times",
        probe="dropout_average",
    ),
    "thinned_error": Measure(
        "top-1 error, against a single thinned network's",
        _read_probe("dropout_average", "error"),
        _read_probe("dropout_average", "single"),
        scale=100,
        unit="points",
        probe="dropout_average",
    ),
    "far_against_chance": Measure(
        "top-1 error of the third of shapes farthest from the middle, against chance",
        _read_probe("off_centre", "far"),
        lambda record: 1 - 1 / record.num_classes,
        probe="off_centre",
        scale=100,
        unit="points",
    ),
    "far_against_near": Measure(
        "top-1 error of the third of shapes farthest from the middle, against the "
        "nearest third",
        _read_probe("off_centre", "far"),
        _read_probe("off_centre", "near"),
        probe="off_centre",
        scale=100,
        unit="points",
    ),
    "permuted_error": Measure(
        "top-1 error with reordered kernels, against the order of training",
        _read_probe("kernel_order", "permuted", mean=True),
        _read_probe("kernel_order", "error"),
        scale=100,
        unit="points",
        probe="kernel_order",
    ),
    "tower_colours": Measure(
        "distance between the towers' shares of colour",
        find_tower_colours,
        probe="kernels",
        digits=3,
    ),
    "five_networks": Measure(
        "top-1 error of the average of five networks, against a single one's",
        combine=compare_ensemble,
        is_per_image=True,
        scale=100,
        unit="points",
        probe="probabilities",
    ),
    "epochs_to_25_training": Measure(
        "epochs to 25 % training error",
        lambda record: curves.find_epochs_to(record, 0.25, "training"),
        is_ratio=True,
        unit="times",
    ),
    "epochs_to_40_validation": Measure(
        "epochs to 40 % validation error",
        lambda record: curves.find_epochs_to(record, 0.4, "validation"),
        is_ratio=True,
        unit="times",
    ),
}
