"""The splits, and functions of images computed in order, here and in processes."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from tests import data_directories
from tfrecords import errors
from tfrecords.console import progress
from tools.baseline_models import images


def describe(image, number):
    """A result that depends on the image and its number; picklable."""
    assert image.shape == (256, 256, 3) and image.dtype == np.uint8
    return np.append(image.mean((0, 1)), number)


def compute(part, numbers, num_workers=1):
    line = progress.Progress("test", len(numbers), "images", stream=io.StringIO())
    results = images.compute(part, numbers, describe, num_workers, line)
    assert line.done == len(numbers)
    return results


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_a_fifth_of_the_training_images_tunes(tmp_path, encoding):
    data_directories.write_data_directory(tmp_path, per_class=5, encoding=encoding)
    splits = images.open_splits(str(tmp_path))
    assert (len(splits.train), splits.num_fitting, len(splits.validation)) == (
        10,
        8,
        10,
    )
    results, labels = compute(splits.train, np.arange(10))
    # Every image once: their means differ.
    assert len(np.unique(results[:, :3].round(6), axis=0)) == 10
    assert sorted(labels) == [0] * 5 + [1] * 5
    np.testing.assert_array_equal(labels, images.read_labels(splits.train))


def test_processes_give_the_same_in_the_same_order(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "_CHUNK", 3)
    data_directories.write_data_directory(tmp_path, per_class=5)
    train = images.open_splits(str(tmp_path)).train
    numbers = [7, 1, 0, 4, 9, 2, 3]
    expected, labels = compute(train, numbers)
    assert expected[:, 3].tolist() == numbers
    found, found_labels = compute(train, numbers, 2)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found_labels, labels)


@pytest.mark.parametrize(
    "per_class", [{"train": 2, "validation": 2}, {"train": 5}], ids=["few", "none"]
)
def test_too_few_images_are_refused(tmp_path, per_class):
    data_directories.write_data_directory(tmp_path, per_class=per_class)
    with pytest.raises(errors.UserError, match="validation"):
        images.open_splits(str(tmp_path))


def test_a_damaged_record_is_named(tmp_path):
    data_directories.write_data_directory(tmp_path, per_class=5)
    train = images.open_splits(str(tmp_path)).train
    shard = tmp_path / "train-00000-of-00002"
    data = bytearray(shard.read_bytes())
    data[500] ^= 1
    shard.write_bytes(data)
    with pytest.raises(errors.DataError, match="train-00000-of-00002"):
        compute(train, np.arange(10))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
