"""Folds of the training split, for cross-validation (ours).

With `data.num_folds` = F and `data.fold` = k, the training images are split at random
into F equal parts, always the same ones, and part k is held out. The run trains on the
others, and its mean image and colour statistics come from them alone. `HELD_OUT` is a
split of its own, to evaluate the run on. `data.fraction` leaves out a part of the
images that are not held out.
"""

from __future__ import annotations

import math

import numpy as np

from alexnet_tf.config.schema import DataConfig
from tfrecords import errors, stable_random
from tfrecords.console import progress
from tfrecords.images import decoder, resize
from tfrecords.shards import record_index, record_reader, schema
from tfrecords.shards.manifest import Manifest
from tfrecords.shards.statistics import Accumulator, Statistics

HELD_OUT = "held_out"

# The order of the images is the same in every run: runs with other seeds have the same
# folds. The stream is one that no epoch uses.
_SEED, _STREAM = 0, -1


def check_folds(config: DataConfig) -> None:
    """Raises `UserError` if there is no such fold or fraction."""
    if not 0 < config.fraction <= 1:
        raise errors.UserError(
            f"config.data.fraction is {config.fraction:g}; it is a share of the "
            "training images, above 0 and at most 1."
        )
    if config.num_folds == 1 or config.fold >= max(config.num_folds, 1):
        raise errors.UserError(
            f"config.data.fold is {config.fold} and config.data.num_folds "
            f"{config.num_folds}. Give at least 2 folds and a fold from 0 to "
            "num_folds - 1, or neither."
        )


def divides(config: DataConfig) -> bool:
    """Whether a run trains on a part of the training split."""
    return bool(config.num_folds) or config.fraction < 1


def select(
    index: record_index.RecordIndex, config: DataConfig, held_out: bool
) -> record_index.RecordIndex:
    """The records of the training split that are held out, or those to train on.

    In the order of the split. Fold k holds the places k N / F to (k + 1) N / F - 1,
    rounded down, of a permutation of the N records; to train on is the first `fraction`
    of the others in the same permutation, rounded up.
    """
    num_records = index.num_records
    order = stable_random.make_permutation(num_records, _SEED, _STREAM)
    begin, end = _find_places(num_records, config)
    rest = np.concatenate([order[:begin], order[end:]])
    rest = rest[: count_rest(num_records, config)]
    return index.select(np.sort(order[begin:end] if held_out else rest))


def _find_places(num_records: int, config: DataConfig) -> tuple[int, int]:
    fold, num_folds = config.fold, config.num_folds
    if not num_folds:
        return 0, 0
    return fold * num_records // num_folds, (fold + 1) * num_records // num_folds


def count_rest(num_records: int, config: DataConfig) -> int:
    """How many of the training split's records a run trains on."""
    begin, end = _find_places(num_records, config)
    return math.ceil(config.fraction * (num_records - (end - begin)))


def compute_statistics(
    reader: record_reader.RecordReader, manifest: Manifest
) -> Statistics:
    """The statistics of the records of `reader`, from the stored images.

    Raises `DataError`, naming a record that is damaged.
    """
    side = manifest.stored_size
    accumulator = Accumulator(side)
    line = progress.Progress("mean image", reader.index.num_records, "images")
    for number in range(reader.index.num_records):
        pixels, _ = read_pixels(reader, manifest, number)
        accumulator.add(resize.resize_and_crop(pixels, side))
        line.advance(1)
    line.close()
    return accumulator.compute()


def read_pixels(
    reader: record_reader.RecordReader, manifest: Manifest, number: int
) -> tuple[np.ndarray, int]:
    """The stored image of a record, uint8 [height, width, 3], and its label, from 0.

    Raises `DataError`, naming a record that is damaged.
    """
    record = schema.decode_record(reader.read(number))
    label = record.label - manifest.label_offset
    if manifest.encoding != "raw":
        pixels = decoder.decode_pixels(record.image_bytes, apply_orientation=False)
        return pixels, label
    side = manifest.image_size
    return np.frombuffer(record.image_bytes, np.uint8).reshape(side, side, 3), label
