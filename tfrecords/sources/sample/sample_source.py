"""The embedded data set: twenty drawn classes, free of licences and downloads.

Ten shapes and ten patterns that a person names at a glance (sample_drawing.CLASSES),
on which the paper's network can be trained and seen to learn in minutes. Nothing is
stored: an image is drawn when it is read. Ours, not the paper's.
"""

from __future__ import annotations

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
    """Opens the drawn data set.

    Args:
      num_train_per_class: training images of each class, 1..100,000.
      num_validation_per_class: validation images of each class, 0..100,000; the
        split is there if there are any.
      seed: any integer, taken modulo 2^64; another seed, other images. The first n
        images of a class are the same however many there are.

    Raises:
      UserError: for counts outside their range.
    """
    for name, count, minimum in (
        ("training", num_train_per_class, 1),
        ("validation", num_validation_per_class, 0),
    ):
        if not minimum <= count <= _MAX_PER_CLASS:
            raise errors.UserError(
                f"{count:,} {name} images per class were asked of the sample: give "
                f"{minimum} to {_MAX_PER_CLASS:,}."
            )
    return SampleSource(num_train_per_class, num_validation_per_class, seed)


class SampleSource(Source):
    """The drawn data set as a source; see `open_sample` and `Source`.

    The tables' `container` is the image's index in its class, `offset` and
    `num_bytes` are -1: an image has no bytes before it is drawn.
    """

    def __init__(
        self, num_train_per_class: int, num_validation_per_class: int, seed: int
    ):
        names = tuple(drawing.CLASSES)
        self.name = "sample"
        self.classes = tuple(manifest.ClassInfo(name, name) for name in names)
        counts = {
            "train": num_train_per_class,
            "validation": num_validation_per_class,
        }
        self.splits = {
            split: _make_table(names, count) for split, count in counts.items() if count
        }
        self.inputs = ()
        self.applies_orientation = False
        self.settings = {
            "num_train_per_class": num_train_per_class,
            "num_validation_per_class": num_validation_per_class,
            "seed": seed,
        }
        self.remarks = ()
        self._seed = seed

    def read_image(self, split: str, row: int) -> bytes:
        """Draws the image in `row` of `split`; returns the JPEG's bytes."""
        table = self.splits[split]
        return drawing.draw_image(
            self._seed, split, int(table.labels[row]), int(table.container[row])
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
