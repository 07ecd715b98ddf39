"""The table of three systems, with the paper's columns beside ours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfrecords import errors
from tfrecords.durable import npz
from tools.benchmarks import harness

TOP_K = 5
OURS = "CNN"
# Top-1 and top-5 error on ILSVRC-2010's test images (table 1), and top-5 error on
# ILSVRC-2012's (table 2), in per cent.
PAPER = {
    "sparse coding": ("47.1 %", "28.2 %", None),
    "SIFT + FVs": ("45.7 %", "25.7 %", "26.2 %"),
    OURS: ("37.5 %", "17.0 %", "16.4 % (5 CNNs)"),
}
_HEADER = (
    "system | models averaged | top-1 error | top-5 error | table 1: top-1 | "
    "table 1: top-5 | table 2: top-5"
)


def compute_errors(
    probabilities: np.ndarray, labels: np.ndarray
) -> tuple[float, float]:
    """Top-1 and top-5 error, fractions, as `alexnet-evaluate` counts them.

    An image is an error if min(k, num_classes) other classes, or more, are at least as
    probable as its label's. Takes float [N, num_classes] and int [N].
    """
    own = probabilities[np.arange(len(labels)), labels]
    # Written as "not below" so that a NaN counts as an error.
    rivals = (~(probabilities < own[:, np.newaxis])).sum(1) - 1
    ranks = (1, min(TOP_K, probabilities.shape[1]))
    top1, top5 = (float(np.mean(rivals >= rank)) for rank in ranks)
    return top1, top5


def average(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of the models' probabilities, float64 [N, num_classes]."""
    return np.asarray(np.mean(np.stack(probabilities), 0, dtype=np.float64))


def read_answers(
    paths: Sequence[str], labels: np.ndarray, num_classes: int
) -> list[np.ndarray]:
    """Reads the files of `alexnet-evaluate --answers`: [N, num_classes] each.

    Raises:
      UserError: if there is no such file, or it has other images or classes than
        `labels`.
      DataError: if a file is damaged.
    """
    read = []
    for path in paths:
        try:
            arrays = npz.load(path)
        except FileNotFoundError as error:
            raise errors.UserError(
                f"there is no file {path}. Write it with alexnet-evaluate --answers."
            ) from error
        if not {"probabilities", "labels"} <= set(arrays):
            raise errors.UserError(
                f"{path} has no probabilities and labels. Write it with "
                "alexnet-evaluate --answers."
            )
        probabilities, own = arrays["probabilities"], arrays["labels"]
        expected = (len(labels), num_classes)
        if probabilities.shape != expected or not np.array_equal(own, labels):
            raise errors.UserError(
                f"{path} has answers of the shape {probabilities.shape} that are not "
                f"for the {expected[0]} validation images and {expected[1]} classes of "
                "--data_dir. Run alexnet-evaluate --answers on the same data."
            )
        read.append(probabilities)
    return read


def make_table(
    title: str,
    systems: dict[str, Sequence[np.ndarray]],
    labels: np.ndarray,
    notes: Sequence[str] = (),
) -> harness.Result:
    """The errors of systems by name, each with its models' probabilities.

    Systems without models are left out, with a note.
    """
    rows, missing = [], []
    for name, probabilities in systems.items():
        if not probabilities:
            missing.append(
                f"The row {name} is left out: give --answers=FILE,... from "
                "alexnet-evaluate --answers."
            )
            continue
        found = compute_errors(average(probabilities), labels)
        shown = [f"{100 * error:.1f} %" for error in found]
        rows.append((name, len(probabilities), *shown, *PAPER[name]))
    explained = (
        "The paper's columns are for 1,000 classes: table 1 ILSVRC-2010, table 2 "
        "ILSVRC-2012, test images."
    )
    return harness.Result(title, _HEADER, rows, [*notes, explained, *missing])
