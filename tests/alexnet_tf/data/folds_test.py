"""Tests of `alexnet_tf.data.folds`, alone and through a run."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.config.schema import Config, DataConfig
from alexnet_tf.data import directory, folds
from alexnet_tf.evaluation import evaluate
from alexnet_tf.runs import data_summary
from tests import data_directories, training_runs
from tfrecords import errors
from tfrecords.shards import manifest, record_index, statistics


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("data"))
    data_directories.write_data_directory(path, num_classes=2, per_class=8)
    return path


def open_fold(data_dir, fold, num_folds=5):
    config = Config(
        data=DataConfig(crop_size=67, crop_positions=1, num_folds=num_folds, fold=fold)
    )
    return directory.open_data(data_dir, config)


def list_places(index):
    return set(zip(index.shard.tolist(), index.offset.tolist(), strict=True))


def test_folds_divide_the_training_split(data_dir):
    """16 images in five folds: 3, 3, 3, 3, 4; each held out once."""
    info = manifest.read_manifest(data_dir)
    whole = list_places(record_index.read_index(data_dir, info, "train"))
    seen: list[tuple[int, int]] = []
    for fold, size in enumerate((3, 3, 3, 3, 4)):
        data = open_fold(data_dir, fold)
        rest = list_places(data.get_reader("train").index)
        held_out = list_places(data.get_reader(folds.HELD_OUT).index)
        assert len(held_out) == data.count_images(folds.HELD_OUT) == size
        assert rest | held_out == whole and not rest & held_out
        assert folds.count_rest(16, DataConfig(num_folds=5, fold=fold)) == len(rest)
        seen += sorted(held_out)
    assert len(seen) == 16 and set(seen) == whole


def test_the_same_images_whatever_the_seed_of_the_run(data_dir):
    first, again = (open_fold(data_dir, 2).get_reader(folds.HELD_OUT) for _ in "ab")
    assert list_places(first.index) == list_places(again.index)


def test_validation_and_runs_without_folds_keep_all(data_dir):
    data = open_fold(data_dir, 1)
    info = manifest.read_manifest(data_dir)
    assert data.count_images("validation") == info.splits["validation"].num_records
    whole = open_fold(data_dir, 0, num_folds=0)
    assert whole.count_images("train") == 16
    with pytest.raises(errors.UserError, match="held_out"):
        whole.get_reader(folds.HELD_OUT)


def open_fraction(data_dir, fraction, **settings):
    settings = {"crop_size": 67, "crop_positions": 1, "fraction": fraction, **settings}
    return directory.open_data(data_dir, Config(data=DataConfig(**settings)))


def test_a_fraction_is_a_part_of_a_larger_fraction(data_dir):
    """Of 16 images, and of the 13 that are not held out: rounded up."""
    whole = open_fraction(data_dir, 1.0)
    before: set[tuple[int, int]] = set()
    for fraction, count in ((0.25, 4), (0.3, 5), (1.0, 16)):
        data = open_fraction(data_dir, fraction)
        found = list_places(data.get_reader("train").index)
        assert len(found) == count and before <= found
        assert folds.count_rest(16, DataConfig(fraction=fraction)) == count
        before = found
    half = open_fraction(data_dir, 0.5)
    assert (half.statistics.mean_image != whole.statistics.mean_image).any()
    divided = open_fraction(data_dir, 0.5, num_folds=5, fold=1)
    assert divided.count_images("train") == 7
    held_out = list_places(divided.get_reader(folds.HELD_OUT).index)
    assert held_out == list_places(open_fold(data_dir, 1).get_reader("held_out").index)
    assert not held_out & list_places(divided.get_reader("train").index)


@pytest.mark.parametrize("fraction", [0.0, 1.5])
def test_a_fraction_is_a_share(fraction):
    with pytest.raises(errors.UserError, match=f"fraction is {fraction:g}"):
        folds.check_folds(DataConfig(fraction=fraction))


def test_statistics_are_of_the_rest_alone(data_dir):
    """Each image is in four of the five: the sums are four times the whole's."""
    undivided = open_fold(data_dir, 0, num_folds=0)
    reader = undivided.get_reader("train")
    whole = folds.compute_statistics(reader, undivided.manifest)
    # The converter's own are of the pixels before JPEG's losses.
    stored = statistics.read_statistics(data_dir)
    np.testing.assert_allclose(whole.mean_image, stored.mean_image, atol=2)
    parts = [open_fold(data_dir, fold).statistics for fold in range(5)]
    total = sum(part.num_images * part.mean_image for part in parts)
    np.testing.assert_allclose(total, 4 * 16 * whole.mean_image)
    assert all((part.mean_image != whole.mean_image).any() for part in parts)


def test_a_run_trains_on_the_rest_and_is_evaluated_on_the_fold(data_dir, tmp_path):
    values = {"num_epochs": 1, "data.num_folds": 4, "data.fold": 3}
    run = str(tmp_path / "run")
    state = training_runs.run(data_dir, run, values)
    # 12 images in batches of 5; all 16 would take four steps.
    assert state.step == 3
    _, result, _ = evaluate.evaluate_checkpoint(run, "last", folds.HELD_OUT, 1)
    assert result.counts.num_seen == 4
    kept = data_summary.load(run).statistics
    expected = open_fold(data_dir, 3, num_folds=4).statistics
    np.testing.assert_array_equal(kept.mean_image, expected.mean_image)


@pytest.mark.parametrize(("num_folds", "fold"), [(1, 0), (5, 5), (0, 1)])
def test_wrong_folds_are_named(num_folds, fold):
    with pytest.raises(errors.UserError, match=f"fold is {fold}.*folds {num_folds}"):
        folds.check_folds(DataConfig(num_folds=num_folds, fold=fold))


def test_no_folds_and_good_ones_pass():
    folds.check_folds(DataConfig())
    folds.check_folds(DataConfig(num_folds=5, fold=4))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
