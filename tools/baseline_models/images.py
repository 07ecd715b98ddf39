"""Works through the images of a data directory with several processes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from alexnet_tf.config.schema import DataConfig
from alexnet_tf.data import folds
from tfrecords import errors
from tfrecords.console import progress, worker_pool
from tfrecords.images import resize
from tfrecords.shards import record_index, record_reader, schema
from tfrecords.shards.manifest import Manifest, read_manifest

_SIDE = 256
_CHUNK = 32
# A fifth of the training images chooses the settings.
_TUNING = DataConfig(num_folds=5, fold=0)

Function = Callable[[np.ndarray, int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Images:
    """Some images of a data directory; can be pickled."""

    index: record_index.RecordIndex
    manifest: Manifest

    def __len__(self) -> int:
        return self.index.num_records


@dataclasses.dataclass(frozen=True)
class Splits:
    """The training split, with the images to choose settings on last; the validation.

    The settings are those with the fewest errors on the images of `train` from
    `num_fitting` on, after learning from those before.
    """

    train: Images
    num_fitting: int
    validation: Images

    @property
    def manifest(self) -> Manifest:
        return self.train.manifest


def open_splits(data_dir: str) -> Splits:
    """Opens a data directory.

    Raises:
      UserError: if it is missing or unfinished, or a split is missing or too small.
      DataError: if it is damaged.
    """
    manifest = read_manifest(data_dir)
    train = record_index.read_index(data_dir, manifest, "train")
    validation = record_index.read_index(data_dir, manifest, "validation")
    if train.num_records < _TUNING.num_folds or not validation.num_records:
        raise errors.UserError(
            f"{data_dir} has {train.num_records} training and "
            f"{validation.num_records} validation images; at least "
            f"{_TUNING.num_folds} and 1 are needed. Convert more images."
        )
    fitting = folds.select(train, _TUNING, held_out=False)
    tuning = folds.select(train, _TUNING, held_out=True)
    return Splits(
        Images(_join(fitting, tuning), manifest),
        fitting.num_records,
        Images(validation, manifest),
    )


def _join(
    first: record_index.RecordIndex, second: record_index.RecordIndex
) -> record_index.RecordIndex:
    """The records of two parts of a split."""
    shard, offset, length = (
        np.concatenate([getattr(index, name) for index in (first, second)])
        for name in ("shard", "offset", "length")
    )
    checksum = None
    if first.checksum is not None and second.checksum is not None:
        checksum = np.concatenate([first.checksum, second.checksum])
    return record_index.RecordIndex(first.paths, shard, offset, length, checksum)


def read_labels(images: Images) -> np.ndarray:
    """The labels, from 0, int32 [N]; raises `DataError` if a record is damaged."""
    reader = record_reader.RecordReader(images.index)
    labels = [
        schema.decode_pixels(memoryview(reader.read(number)))[1]
        for number in range(len(images))
    ]
    return np.array(labels, np.int32) - images.manifest.label_offset


@dataclasses.dataclass(frozen=True)
class _Chunk:
    """A task: the numbers of some images."""

    numbers: np.ndarray

    @property
    def name(self) -> str:
        return f"the images {self.numbers[0]} to {self.numbers[-1]}"


@dataclasses.dataclass(frozen=True)
class _Work:
    """What a worker does: the function's results and the labels of a chunk."""

    images: Images
    function: Function

    def __call__(
        self,
        chunk: _Chunk,
        rejected: Mapping[int, str],
        report: Callable[[int], None],
    ) -> tuple[np.ndarray, list[int]]:
        reader = record_reader.RecordReader(self.images.index)
        results, labels = [], []
        for position, number in enumerate(map(int, chunk.numbers)):
            if position in rejected:
                raise errors.DataError(
                    f"{reader.describe(number)} cannot be used: {rejected[position]}."
                )
            report(position)
            pixels, label = folds.read_pixels(reader, self.images.manifest, number)
            results.append(self.function(resize.resize_and_crop(pixels, _SIDE), number))
            labels.append(label)
        reader.close()
        return np.stack(results), labels


def compute(
    images: Images,
    numbers: Sequence[int] | np.ndarray,
    function: Function,
    num_workers: int | None,
    line: progress.Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """The results of a function for some images, and their labels.

    Args:
      images: from which the images are chosen.
      numbers: their numbers.
      function: called in a worker with an image, uint8 [256, 256, 3], and its number;
        results have the same shape. Pickled.
      num_workers: processes; None for one for every processor.
      line: advanced by every image.

    Returns:
      The results, in the order of `numbers`, and the labels from 0, int32 [N].

    Raises:
      DataError: if a record is damaged.
    """
    numbers = np.asarray(numbers)
    chunks = [
        _Chunk(numbers[start : start + _CHUNK])
        for start in range(0, len(numbers), _CHUNK)
    ]
    starts = {chunk.name: _CHUNK * row for row, chunk in enumerate(chunks)}
    results = None
    labels = np.zeros(len(numbers), np.int32)
    with worker_pool.WorkerPool(
        _Work(images, function), num_workers, in_process_if_alone=True
    ) as pool:
        for chunk, (part, part_labels) in pool.run(chunks):
            if results is None:
                results = np.empty((len(numbers), *part.shape[1:]), part.dtype)
            rows = slice(starts[chunk.name], starts[chunk.name] + len(part))
            results[rows], labels[rows] = part, part_labels
            line.advance(len(part))
    assert results is not None
    return results, labels
