"""Training images for the patches: a sample of the split, read one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from alexnet_tf.data import directory, folds
from alexnet_tf.evaluation import evaluate
from tfrecords import errors
from tfrecords.console import progress
from tfrecords.images import resize
from tfrecords.shards.manifest import ClassInfo


@dataclasses.dataclass(frozen=True)
class TrainingImages:
    """Images of a data directory's training split.

    They are spread evenly over the split: shards of other programs may hold one class
    after another.
    """

    data: directory.DataDirectory
    records: np.ndarray  # int [N], the records' numbers in the split, ascending

    def read(self, number: int) -> tuple[np.ndarray, ClassInfo]:
        """Image `number` of the sample, uint8 [size, size, 3], and its class.

        Raises `DataError`, naming a record that is damaged.
        """
        manifest = self.data.manifest
        pixels, label = folds.read_pixels(
            self.data.get_reader("train"), manifest, int(self.records[number])
        )
        image = resize.resize_and_crop(pixels, self.data.image_size)
        return image, manifest.classes[label]

    def make_batches(
        self, transform: Callable[[tf.Tensor], tf.Tensor], batch_size: int = 32
    ) -> Iterator[tf.Tensor]:
        """Yields the images in batches, as `transform` makes them, with progress.

        `transform` takes uint8 [B, size, size, 3]. One batch is in memory at a time.
        """
        line = progress.Progress("training images", len(self.records), "images")
        for start in range(0, len(self.records), batch_size):
            numbers = range(start, min(start + batch_size, len(self.records)))
            batch = np.stack([self.read(number)[0] for number in numbers])
            yield transform(tf.constant(batch))
            line.advance(len(numbers))
        line.close()


def find(
    workdir: str, data_dir: str | None, num_images: int
) -> tuple[TrainingImages | None, str]:
    """A run's training images, or those of `data_dir`; at most `num_images`.

    Returns None and a sentence that says why there are none: they are gone or have
    changed since the training, or `num_images` is 0.

    Raises:
      UserError: if `data_dir` is given and does not fit the run.
      DataError: if it is damaged.
    """
    if num_images == 0:
        return None, "none were asked for (--num_images=0)."
    try:
        data, _ = evaluate.open_run_data(workdir, data_dir)
        count = data.count_images("train")
    except errors.UserError as error:
        if data_dir is not None:
            raise
        return None, str(error)
    num_read = min(num_images, count)
    return TrainingImages(data, np.arange(num_read) * count // num_read), ""
