"""The contest's own measures: hierarchical error and submissions.

Hierarchical error (readme of ILSVRC-2010's development kit): an image costs the
smallest d(guess, label) among its first n guesses, where d(x, y) is the height, in
WordNet, of the lowest common ancestor of x and y. The error is the mean over all
images; the contest took n = 5.

A submission is a text file with a line for each test image, in the order of their
names: the numbers of the five most probable classes, best first.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import tensorflow as tf

from alexnet_tf.data import directory
from alexnet_tf.evaluation.metrics import TOP_K
from tfrecords import errors
from tfrecords.durable import files
from tfrecords.shards import schema

_NUMBER = re.compile(r"ILSVRC20\d\d_test_(\d{8})\.JPEG")


@dataclasses.dataclass(frozen=True)
class Guesses:
    """The most probable classes of the records of a split, in their order.

    `classes`, int32 [N, min(5, number of classes)], are best first; `labels` are int32
    [N], -1 in a split without labels.
    """

    classes: np.ndarray
    labels: np.ndarray


def make_guesses(num_records: int, num_classes: int) -> Guesses:
    """Room for the guesses of a split."""
    shape = (num_records, min(TOP_K, num_classes))
    return Guesses(np.zeros(shape, np.int32), np.zeros(num_records, np.int32))


def find_top(probabilities: tf.Tensor) -> np.ndarray:
    """The most probable classes, best first, of float32 [B, classes]: int32 [B, k].

    k is at most 5. Of equally probable classes the one of the lower label comes first.
    """
    count = min(TOP_K, probabilities.shape[-1])
    return tf.math.top_k(probabilities, count).indices.numpy()


def compute_hierarchical_errors(guesses: Guesses, costs: np.ndarray) -> list[float]:
    """The hierarchical error with one guess, with two, and so on.

    `costs`, [classes, classes], are those of answering class i when the label is k, at
    [i, k].
    """
    each = costs[guesses.classes, guesses.labels[:, np.newaxis]]
    return np.minimum.accumulate(each, axis=1).mean(axis=0).tolist()


def check_split(data: directory.DataDirectory, split: str, is_submission: bool) -> None:
    """Raises `UserError` unless `split` is fit for a submission, or for an error.

    A submission is of images without labels; an error can only be computed with them.
    """
    data.get_reader(split)
    if is_submission and data.is_labelled(split):
        raise errors.UserError(
            f"the {split} split of {data.path} has labels; a submission is for a "
            "contest's test images, whose labels are unknown. Give --split=test and "
            "data converted with the test archive of ILSVRC-2012, or leave out "
            "--submission to evaluate."
        )
    if not is_submission and not data.is_labelled(split):
        raise errors.UserError(
            f"the {split} split of {data.path} has no labels, so its error is unknown. "
            "Give --submission=FILE to write the answers for the contest, or another "
            "--split."
        )
    if is_submission and data.contest is None:
        raise errors.UserError(
            f"{data.path} has no contest.npz with the contest's numbers of the "
            "classes. Convert the archives again, with the development kit beside them."
        )


def write_submission(
    path: str, data: directory.DataDirectory, split: str, classes: np.ndarray
) -> None:
    """Writes a submission, atomically.

    `classes` are those of `Guesses`.

    Raises:
      UserError: if an image is missing, or a record is not a contest's test image.
      DataError: if a record is damaged.
      StorageError: if the file cannot be written.
    """
    assert data.contest is not None  # see `check_split`
    order = _find_order(data, split)
    numbers = data.contest.ids[classes[order]]
    lines = (" ".join(map(str, row)) for row in numbers.tolist())
    files.write_bytes(path, ("\n".join(lines) + "\n").encode())


def _find_order(data: directory.DataDirectory, split: str) -> np.ndarray:
    """The records in the order of their images' numbers, int64 [N]."""
    reader = data.get_reader(split)
    numbers = np.empty(reader.index.num_records, np.int64)
    for row in range(len(numbers)):
        name = schema.decode_record(reader.read(row)).filename
        match = _NUMBER.fullmatch(name)
        if not match:
            raise errors.UserError(
                f"the {split} split of {data.path} holds {name!r}; a submission needs "
                "images with names like ILSVRC2012_test_00000001.JPEG."
            )
        numbers[row] = int(match[1])
    order = np.argsort(numbers, kind="stable")
    expected = np.arange(1, len(numbers) + 1)
    if np.any(differs := numbers[order] != expected):
        raise errors.UserError(
            f"the {split} split of {data.path} lacks the image of number "
            f"{int(expected[differs][0]):,}, and a submission needs a line for each. "
            "Its rejects.txt says why images were left out; convert a complete archive."
        )
    return order
