"""The built-in sample data set: twenty drawn classes, without licence or download.

Ten shapes and ten patterns that a person recognizes at a glance (`drawing.CLASSES`), on
which the paper's network visibly learns within minutes. Nothing is stored: an image is
drawn when it is read. Ours, not the paper's.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tfrecords import errors
from tfrecords.shards import manifest
from tfrecords.sources import ImageTable, Source
from tfrecords.sources.sample import drawing

# Five digits number the files of a class.
_MAX_PER_CLASS = 100_000


def open_sample(
    num_train_per_class: int = 100, num_validation_per_class: int = 20, seed: int = 0
) -> SampleSource:
    """Opens the sample data set.

    Args:
      num_train_per_class: training images of each class, 1..100,000.
      num_validation_per_class: validation images of each class, 0..100,000; with 0
        there is no such split.
      seed: any integer, taken modulo 2^64. The first n images of a class are the same
        for any number of images.

    Raises:
      UserError: if a count is out of range.
    """
    for name, count, minimum in (
        ("training", num_train_per_class, 1),
        ("validation", num_validation_per_class, 0),
    ):
        if not minimum <= count <= _MAX_PER_CLASS:
            raise errors.UserError(
                f"the sample cannot have {count:,} {name} images per class. Choose "
                f"{minimum} to {_MAX_PER_CLASS:,}."
            )
    names = tuple(drawing.CLASSES)
    counts = {"train": num_train_per_class, "validation": num_validation_per_class}
    return SampleSource(
        name="sample",
        classes=tuple(manifest.ClassInfo(name, name) for name in names),
        splits={
            split: _make_table(names, count) for split, count in counts.items() if count
        },
        settings={
            **{f"num_{split}_per_class": count for split, count in counts.items()},
            "seed": seed,
        },
        seed=seed,
    )


@dataclasses.dataclass(eq=False, kw_only=True)
class SampleSource(Source):
    """The sample data set as a source; see `open_sample` and `Source`.

    The tables' `container` is the image's index in its class; `offset` and `num_bytes`
    are -1, because an image has no bytes until it is drawn.
    """

    seed: int

    def read_image(self, split: str, row: int) -> bytes:
        """Draws the image in `row` of `split`; returns the JPEG's bytes."""
        table = self.splits[split]
        return drawing.draw_image(
            self.seed, split, int(table.labels[row]), int(table.container[row])
        )


def _make_table(names: tuple[str, ...], num_per_class: int) -> ImageTable:
    num_images = len(names) * num_per_class
    filenames = [
        f"{name}_{index:05d}.JPEG".encode()
        for name in names
        for index in range(num_per_class)
    ]
    unknown = np.full(num_images, -1, np.int64)
    return ImageTable(
        filenames=np.array(filenames, "S"),
        labels=np.repeat(np.arange(len(names), dtype=np.int32), num_per_class),
        container=np.tile(np.arange(num_per_class, dtype=np.int32), len(names)),
        offset=unknown,
        num_bytes=unknown,
    )
