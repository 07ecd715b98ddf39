"""From the labels that a data set gives its images to classes and their numbers.

Some data sets store a class's name with each image, some a number; some of the latter
have a list of the numbers' names.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from tfrecords import errors
from tfrecords.shards import manifest, schema
from tfrecords.sources import text_files

_NUMBER = re.compile(r"[0-9]{1,9}")


class Places(Protocol):
    """Where each image is, in words, made only when an error needs one."""

    def __getitem__(self, row: int, /) -> str: ...


def number_classes(
    values: Mapping[str, Sequence[str]], where: Mapping[str, str]
) -> tuple[tuple[manifest.ClassInfo, ...], dict[str, np.ndarray]]:
    """The classes that the training images have, and each image's label.

    If every value is a number, the classes are in the order of their numbers, otherwise
    of their names. Numbers need not start at 0 or be without gaps.

    Args:
      values: by split, the class of each image; "" for none, which only all images of
        the split "test" may have.
      where: by split, the file or folder, for errors.

    Returns:
      The classes, and the labels of each split, int32 [N]; -1 for none.

    Raises:
      UserError: if an image has no class, or one that no training image has, or a
        class's name cannot be stored.
    """
    distinct = {split: set(v) for split, v in values.items()}
    for split, found in distinct.items():
        if "" in found and (split != "test" or found != {""}):
            raise errors.UserError(
                f"{where[split]} has {split} images without a class. Give each its "
                "label, or remove it."
            )
        if unknown := sorted(found - distinct["train"] - {""}):
            raise errors.UserError(
                f"{where[split]} has the class {unknown[0]!r}, but no training image "
                "does. Every class needs training images: add some, or remove it here."
            )
    names = sorted(distinct["train"])
    check_names(names, where["train"])
    if all(map(_NUMBER.fullmatch, names)):
        names.sort(key=lambda name: (int(name), name))
    labels = {name: label for label, name in enumerate(names)}
    labels[""] = schema.NO_LABEL
    return name_classes(names), {
        split: np.array([labels[value] for value in v], np.int32)
        for split, v in values.items()
    }


def name_classes(names: Sequence[str]) -> tuple[manifest.ClassInfo, ...]:
    """The classes with these names, of which two may be equal.

    ImageNet has two classes "crane". A class's id must be unique: of equal names, it
    has the label, too.
    """
    counts = collections.Counter(names)
    taken = set(names)
    classes = []
    for label, name in enumerate(names):
        synset = name
        while counts[name] > 1 and synset in taken:
            synset = f"{synset} ({label})"
        taken.add(synset)
        classes.append(manifest.ClassInfo(synset, name))
    return tuple(classes)


def check_names(names: Iterable[str], where: str) -> None:
    """Raises `UserError` if a class's name cannot be encoded in UTF-8.

    `where` says where the class is.
    """
    for name in names:
        if not text_files.is_text(name):
            raise errors.UserError(
                f"{where} has the class {name!a}, whose name is not UTF-8. Rename it."
            )


def check_labels(
    labels: np.ndarray, num_classes: int, split: str, places: Places
) -> None:
    """Raises `DataError` if a label is not that of a class.

    Args:
      labels: int [N]; all may be -1 in the split "test".
      num_classes: right are 0 to num_classes - 1.
      split: the split's name.
      places: of the images, for the error.
    """
    if split == "test" and np.all(labels == schema.NO_LABEL):
        return
    wrong = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(wrong):
        raise errors.DataError(
            f"{places[wrong[0]]} has the label {labels[wrong[0]]}; the {num_classes:,} "
            f"classes are 0 to {num_classes - 1}. Get the file, or the list of the "
            "classes, again."
        )
