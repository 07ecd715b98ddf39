"""An open data directory: what it holds, and what was wrong when reading failed."""

from __future__ import annotations

import weakref

from alexnet_tf.config.schema import Config
from alexnet_tf.data.batch_reader import STORED_SIZE, BatchReader
from tfrecords import errors
from tfrecords.shards import record_index, record_reader, statistics
from tfrecords.shards.manifest import STATISTICS_NAME, Manifest, read_manifest
from tfrecords.shards.statistics import Statistics


class DataDirectory:
    """A data directory whose manifest and statistics have been read.

    Args:
      path: where it lies.
      manifest: what it holds.
      statistics: of a training split, its own or that of another run's data.

    Attributes:
      path: the same.
      manifest: the same.
      statistics: the mean image and the RGB covariance to train and evaluate with.
    """

    def __init__(self, path: str, manifest: Manifest, statistics: Statistics):
        self.path, self.manifest, self.statistics = path, manifest, statistics
        self._readers: dict[str, record_reader.RecordReader] = {}
        self._batch_readers: weakref.WeakSet[BatchReader] = weakref.WeakSet()

    @property
    def image_size(self) -> int:
        """Side of the images before cropping, pixels."""
        return self.manifest.image_size or STORED_SIZE

    def with_statistics(self, statistics: Statistics) -> DataDirectory:
        """The same data, to be trained or evaluated with other statistics."""
        other = DataDirectory(self.path, self.manifest, statistics)
        other._readers, other._batch_readers = self._readers, self._batch_readers
        return other

    def get_reader(self, split: str) -> record_reader.RecordReader:
        """The records of `split`; the index is read when first asked for.

        Raises:
          UserError: where there is no such split, or it is empty.
          DataError: naming the shard or index that is missing or changed.
        """
        if split not in self._readers:
            index = record_index.read_index(self.path, self.manifest, split)
            if not index.num_records:
                raise errors.UserError(
                    f"the split {split!r} of {self.path} holds no image. Convert data "
                    "that has some, or choose another split."
                )
            self._readers[split] = record_reader.RecordReader(index)
        return self._readers[split]

    def watch(self, reader: BatchReader) -> BatchReader:
        """Asks `reader`, too, when a data set has failed; returns it."""
        self._batch_readers.add(reader)
        return reader

    def explain_failure(self) -> Exception | None:
        """What was wrong with the records that data sets of this directory read last.

        Returns:
          A DataError or StorageError that names the record; None where no record is at
          fault.
        """
        for reader in list(self._batch_readers):
            if (explanation := reader.explain()) is not None:
                return explanation
        return None


def open_data(path: str, config: Config) -> DataDirectory:
    """Opens a data directory and checks that `config` fits it.

    Raises:
      UserError: where the directory is missing or unfinished, labels count from
        another number than `config.data.label_offset`, or a crop leaves the image.
      DataError: where the manifest or the statistics are damaged.
    """
    manifest = read_manifest(path)
    digest = manifest.checksums.get(STATISTICS_NAME)
    data = DataDirectory(path, manifest, statistics.read_statistics(path, digest))
    if config.data.label_offset != manifest.label_offset:
        raise errors.UserError(
            f"config.data.label_offset is {config.data.label_offset}, but the labels "
            f"of {path} count from {manifest.label_offset}. Give "
            f"--config.data.label_offset={manifest.label_offset}."
        )
    size, shape = data.image_size, data.statistics.mean_image.shape
    if shape != (size, size, 3):
        raise errors.DataError(
            f"the mean image of {path} has the shape {shape}, its images have "
            f"{(size, size, 3)}. Convert the images again."
        )
    last = config.data.crop_size + config.data.crop_positions - 1
    if last > size:
        raise errors.UserError(
            f"crops of {config.data.crop_size} pixels at {config.data.crop_positions} "
            f"positions reach pixel {last} of images with {size}. Give a smaller "
            "--config.data.crop_size or --config.data.crop_positions: at most "
            f"{size + 1} together."
        )
    return data


def check_splits(config: Config, data: DataDirectory) -> None:
    """Checks that the splits which a training reads are there and whole.

    Raises:
      UserError: where one is missing, or its shards are.
      DataError: where they are damaged.
    """
    if config.schedule.name == "plateau" and "validation" not in data.manifest.splits:
        raise errors.UserError(
            f"the plateau schedule watches the validation error, and {data.path} has "
            "no validation split. Convert with one, or give "
            "--config.schedule.name=fixed with --config.schedule.steps."
        )
    for split in {"train", "validation"} & {"train", *data.manifest.splits}:
        data.get_reader(split)
