"""An open data directory: manifest, statistics, readers, and causes of failures."""

from __future__ import annotations

import weakref

from alexnet_tf.config.schema import Config, DataConfig
from alexnet_tf.data import folds, random_draws
from alexnet_tf.data.batch_reader import BatchReader
from tfrecords import errors
from tfrecords.shards import contest, record_index, record_reader, statistics
from tfrecords.shards.manifest import STATISTICS_NAME, Manifest, read_manifest
from tfrecords.shards.statistics import Statistics


class DataDirectory:
    """A data directory with its manifest and its own, or another run's, statistics.

    With folds (see `folds`), the training split is what the fold leaves of it.
    """

    def __init__(
        self,
        path: str,
        manifest: Manifest,
        statistics: Statistics | None,
        config: DataConfig,
    ):
        self.path, self.manifest = path, manifest
        self._statistics, self._config = statistics, config
        self._readers: dict[str, record_reader.RecordReader] = {}
        self._batch_readers: weakref.WeakSet[BatchReader] = weakref.WeakSet()

    @property
    def statistics(self) -> Statistics:
        """Of the training split; with folds, computed when first asked for."""
        if self._statistics is None:
            reader = self.get_reader("train")
            self._statistics = folds.compute_statistics(reader, self.manifest)
        return self._statistics

    @property
    def image_size(self) -> int:
        """Side of the images before cropping, pixels."""
        return self.manifest.stored_size

    @property
    def contest(self) -> contest.Contest | None:
        """The contest's numbers of the classes; raises as `contest.read`."""
        return contest.read(self.path, self.manifest)

    def is_labelled(self, split: str) -> bool:
        """False for a contest's test images, whose labels are all -1."""
        info = self.manifest.splits.get(split)
        return info is None or info.is_labelled

    def with_statistics(self, statistics: Statistics, run: str) -> DataDirectory:
        """The same data with the statistics of the run in the directory `run`.

        Raises `UserError` if that was trained on images of another size.
        """
        size, own = statistics.mean_image.shape[0], self.image_size
        if size != own:
            raise errors.UserError(
                f"the run {run} was trained on images of {size}x{size} pixels, but "
                f"{self.path} has {own}x{own}. Give data with images of {size}x{size}."
            )
        other = DataDirectory(self.path, self.manifest, statistics, self._config)
        other._readers, other._batch_readers = self._readers, self._batch_readers
        return other

    def get_reader(self, split: str) -> record_reader.RecordReader:
        """The records of `split`; the first call reads the index.

        Raises:
          UserError: if there is no such split, or it is empty.
          DataError: naming a shard or index that is missing or changed.
        """
        if split not in self._readers:
            is_divided = (split == "train" and folds.divides(self._config)) or (
                split == folds.HELD_OUT and bool(self._config.num_folds)
            )
            index = record_index.read_index(
                self.path, self.manifest, "train" if is_divided else split
            )
            if is_divided:
                index = folds.select(index, self._config, split == folds.HELD_OUT)
            if not index.num_records:
                raise errors.UserError(
                    f"the split {split!r} of {self.path} has no images. Choose another "
                    "split, or convert data that has images in it."
                )
            self._readers[split] = record_reader.RecordReader(index)
        return self._readers[split]

    def list_splits(self) -> list[str]:
        """The names of the splits."""
        held_out = [folds.HELD_OUT] if self._config.num_folds else []
        return [*self.manifest.splits, *held_out]

    def count_images(self, split: str) -> int:
        """The images of `split`; raises as `get_reader`."""
        return self.get_reader(split).index.num_records

    def watch(self, reader: BatchReader) -> BatchReader:
        """Registers `reader` for `explain_failure` and returns it."""
        self._batch_readers.add(reader)
        return reader

    def explain_failure(self) -> Exception | None:
        """The DataError or StorageError of a bad record that was just read, or None."""
        for reader in list(self._batch_readers):
            if (explanation := reader.explain()) is not None:
                return explanation
        return None


def open_data(path: str, config: Config) -> DataDirectory:
    """Opens a data directory and checks that `config` fits it.

    Raises:
      UserError: if the directory is missing or incomplete, its first label differs
        from `config.data.label_offset`, or a crop would leave the image.
      DataError: if the manifest or the statistics are damaged.
    """
    manifest = read_manifest(path)
    digest = manifest.checksums.get(STATISTICS_NAME)
    whole = statistics.read_statistics(path, digest)
    data = DataDirectory(
        path, manifest, None if folds.divides(config.data) else whole, config.data
    )
    if config.data.label_offset != manifest.label_offset:
        raise errors.UserError(
            f"config.data.label_offset is {config.data.label_offset}, but the labels "
            f"in {path} start at {manifest.label_offset}. Give "
            f"--config.data.label_offset={manifest.label_offset}."
        )
    size, shape = data.image_size, whole.mean_image.shape
    if shape != (size, size, 3):
        raise errors.DataError(
            f"the mean image in {path} has the shape {shape}, but its images have "
            f"{(size, size, 3)}. Convert the images again."
        )
    last = random_draws.compute_seen_size(config.data)
    if last > size:
        raise errors.UserError(
            f"crops of {config.data.crop_size} pixels at {config.data.crop_positions} "
            f"positions need {last} pixels per side, but the images have {size}. Lower "
            "--config.data.crop_size or --config.data.crop_positions; their sum must "
            f"be at most {size + 1}."
        )
    return data


def explain_unseen(data: DataDirectory, config: DataConfig) -> str:
    """A warning if training sees only a small part of the stored images, else "".

    Its side is then below 7/8 of theirs, that of the usual centre crop, 224 of 256.
    """
    seen, stored = random_draws.compute_seen_size(config), data.image_size
    if 8 * seen >= 7 * stored:
        return ""
    is_central = random_draws.find_first_offset(config, stored) > 0
    part = "central" if is_central else "top left"
    return (
        f"warning: training sees only the {part} {seen}x{seen} pixels of the images, "
        f"which {data.path} stores at {stored}x{stored}: the crops have "
        f"{config.crop_size} pixels a side, at {config.crop_positions} positions per "
        "axis. If whole images are meant, stop and convert them to that size: "
        f"alexnet-convert --image_size={seen}"
    )


def check_splits(config: Config, data: DataDirectory) -> None:
    """Checks that the splits needed for training exist and are complete.

    Raises:
      UserError: if a split or one of its shards is missing.
      DataError: if one is damaged.
    """
    if config.schedule.name == "plateau" and "validation" not in data.manifest.splits:
        raise errors.UserError(
            f"the plateau schedule needs the validation error, but {data.path} has no "
            "validation split. Convert data with one, or give "
            "--config.schedule.name=fixed with --config.schedule.steps."
        )
    for split in {"train", "validation"} & {"train", *data.manifest.splits}:
        data.get_reader(split)
