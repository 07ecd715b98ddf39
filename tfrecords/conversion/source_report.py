"""Reports what is unusual about a source before its conversion starts.

A conversion of ImageNet takes hours. A missing validation split, counts that are not
the official ones, or an extra class are known as soon as the source is listed.
"""

from __future__ import annotations

import numpy as np

from tfrecords import errors
from tfrecords.plurals import counted
from tfrecords.sources import Source

# ImageNet's classes have 732 to 1,300 training images.
_LARGE_RATIO = 10


def describe_source(source: Source) -> list[str]:
    """The counts of each split and the notes, as lines for the user."""
    lines = []
    for split, table in source.splits.items():
        if not table.is_labelled:
            lines.append(
                f"{split}: {counted(table.num_images, 'image')} without labels"
            )
            continue
        counts = _count_classes(source, split)
        lowest, highest = counts.min(), counts.max()
        each = f"{lowest:,}" if lowest == highest else f"{lowest:,} to {highest:,}"
        lines.append(
            f"{split}: {counted(counts.sum(), 'image')} of "
            f"{np.count_nonzero(counts):,} "
            f"classes, {each} in each class"
        )
    return lines + [f"Note: {note}" for note in find_notes(source)]


def find_notes(source: Source) -> list[str]:
    """What is unusual: the source's own remarks, then notes about its classes."""
    notes = list(source.remarks)
    for split, table in source.splits.items():
        if not table.is_labelled:
            continue
        counts = _count_classes(source, split)
        if num_empty := int(np.count_nonzero(counts == 0)):
            first = source.classes[int(np.argmin(counts))].synset
            notes.append(
                f"{num_empty:,} of {len(counts):,} classes have no {split} images, "
                f"{first} among them."
            )
    if len(source.classes) == 1:
        notes.append(
            f"There is only one class, {source.classes[0].synset}; alexnet-train needs "
            "at least two."
        )
    counts = _count_classes(source, "train")
    smallest, largest = int(np.argmin(counts)), int(np.argmax(counts))
    if counts[largest] >= _LARGE_RATIO * max(1, counts[smallest]):
        notes.append(
            f"The classes are unbalanced: {source.classes[largest].synset} has "
            f"{counts[largest]:,} training images, {source.classes[smallest].synset} "
            f"{counts[smallest]:,}."
        )
    return notes


def refuse_notes(source: Source) -> None:
    """Raises `UserError` if there is anything to note, as `--strict` asks for."""
    if notes := find_notes(source):
        raise errors.UserError(
            f"--strict found differences from the official or expected {source.name}: "
            f"{' '.join(notes)} Correct them, or leave out --strict to convert what is "
            "there."
        )


def _count_classes(source: Source, split: str) -> np.ndarray:
    """The number of images of each class, int64 [number of classes]."""
    labels = source.splits[split].labels
    return np.bincount(labels, minlength=len(source.classes))
