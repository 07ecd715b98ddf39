"""Tests of `alexnet_tf.retrieval.build`, with features that need no network."""

import contextlib
import dataclasses
import os
import sys

import numpy as np
import pytest

from alexnet_tf.config.schema import DataConfig
from alexnet_tf.retrieval import build, extractor, feature_files
from tests import data_directories
from tfrecords import errors
from tfrecords.durable import files

CONFIG = DataConfig(crop_size=224)


def compute(images):
    """Each image's mean colour, and a constant."""
    means = images.mean(axis=(1, 2))
    return np.concatenate([means, np.ones((len(images), 1))], 1).astype(np.float32)


EXTRACTOR = extractor.Extractor("fc7", 256, compute)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=3, per_class=4)
    return str(path)


@contextlib.contextmanager
def open_full(path):
    """Opens a file on a device that is always full."""
    with files.storage_errors(path), open("/dev/full", "wb", buffering=0) as file:
        yield file


def run(
    data_dir, path, extract=EXTRACTOR, split="train", network="runs/a", config=CONFIG
):
    data = build.open_images(data_dir, config)
    return build.build(extract, data, config, split, str(path), network, block_rows=5)


def read_all(features):
    return features.read_rows(np.arange(features.source.num_images))


def test_vectors_and_labels_are_in_the_order_of_the_records(data_dir, tmp_path):
    features = run(data_dir, tmp_path)
    data = build.open_images(data_dir, CONFIG)
    pairs = [build.read_image(data, "train", row) for row in range(12)]
    images, labels = zip(*pairs, strict=True)
    assert np.array_equal(read_all(features), compute(np.stack(images)))
    assert features.read_labels().tolist() == list(labels)
    assert sorted(labels) == [0] * 4 + [1] * 4 + [2] * 4


def test_an_interrupted_build_resumes_with_the_next_block(data_dir, tmp_path):
    whole = read_all(run(data_dir, tmp_path / "whole"))
    seen = []

    def fail(images):
        # The probe, then a block; the second block fails.
        seen.append(len(images))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return compute(images)

    broken = dataclasses.replace(EXTRACTOR, compute=fail)
    with pytest.raises(KeyboardInterrupt):
        run(data_dir, tmp_path / "part", broken)
    with pytest.raises(errors.UserError, match="it resumes"):
        feature_files.open_features(str(tmp_path / "part"))
    seen.clear()

    def count(images):
        seen.append(len(images))
        return compute(images)

    resumed = run(
        data_dir, tmp_path / "part", dataclasses.replace(EXTRACTOR, compute=count)
    )
    assert seen == [1, 5, 2]
    assert np.array_equal(read_all(resumed), whole)
    seen.clear()
    run(data_dir, tmp_path / "part", dataclasses.replace(EXTRACTOR, compute=count))
    assert seen == [1]


def test_other_features_or_another_network_are_refused(data_dir, tmp_path):
    run(data_dir, tmp_path)
    # Moved data and a moved run are the same.
    moved = str(tmp_path / "moved")
    os.symlink(data_dir, moved)
    run(moved, tmp_path, network="runs/b")
    with pytest.raises(errors.UserError, match="their split is 'train', not 'val"):
        run(data_dir, tmp_path, split="validation")
    with pytest.raises(errors.UserError, match="num_folds is 0, not 3"):
        run(data_dir, tmp_path, config=dataclasses.replace(CONFIG, num_folds=3, fold=1))
    other = dataclasses.replace(EXTRACTOR, compute=lambda images: 1.1 * compute(images))
    with pytest.raises(errors.UserError, match="of another network or checkpoint"):
        run(data_dir, tmp_path, other)
    rounded = dataclasses.replace(
        EXTRACTOR, compute=lambda images: np.float32(1.0001) * compute(images)
    )
    run(data_dir, tmp_path, rounded)


def test_images_of_another_size_are_refused(data_dir, tmp_path):
    small = dataclasses.replace(EXTRACTOR, image_size=32)
    with pytest.raises(errors.UserError, match=r"32x32 pixels, but .* has 256x256"):
        run(data_dir, tmp_path / "index", small)
    assert not os.path.exists(tmp_path / "index")


def test_other_data_are_refused(data_dir, tmp_path):
    features = run(data_dir, tmp_path / "index")
    assert build.open_indexed(features, None).path == data_dir
    other = tmp_path / "other"
    data_directories.write_data_directory(other, num_classes=3, per_class=4, seed=1)
    with pytest.raises(errors.UserError, match="of other data than"):
        build.open_indexed(features, str(other))


def test_a_split_that_is_missing_is_named(data_dir, tmp_path):
    with pytest.raises(errors.UserError, match="has no split 'test'"):
        run(data_dir, tmp_path / "index", split="test")
    assert not os.path.exists(tmp_path / "index")


def test_damaged_blocks_and_lost_labels_are_made_again(data_dir, tmp_path):
    whole = read_all(run(data_dir, tmp_path))
    for name in ("features-00001.npy", "labels-00000.npy"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-4])
    (tmp_path / "features-00002.npy").unlink()
    features = run(data_dir, tmp_path)
    assert np.array_equal(read_all(features), whole)
    assert sorted(features.read_labels()) == [0] * 4 + [1] * 4 + [2] * 4


@pytest.mark.parametrize("lost", ["build.json", "probe.npy"])
def test_blocks_whose_origin_is_lost_are_not_taken_for_others(data_dir, tmp_path, lost):
    run(data_dir, tmp_path)
    (tmp_path / lost).unlink()
    other = dataclasses.replace(EXTRACTOR, compute=lambda images: 2 * compute(images))
    with pytest.raises(errors.UserError if lost == "build.json" else errors.DataError):
        run(data_dir, tmp_path, other)
    assert not (tmp_path / lost).exists()


def test_codes_of_an_earlier_network_are_not_kept(data_dir, tmp_path):
    (tmp_path / "codes-16").mkdir()
    with pytest.raises(errors.UserError, match="codes-16"):
        run(data_dir, tmp_path)


def test_a_full_disk_is_a_storage_error(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_files.files, "atomic_write", open_full)
    with pytest.raises(errors.StorageError, match="the disk is full"):
        run(data_dir, tmp_path / "index")


def test_an_empty_split_is_refused(tmp_path):
    data = tmp_path / "data"
    counts = {"train": 4, "validation": 0}
    data_directories.write_data_directory(data, num_classes=3, per_class=counts)
    with pytest.raises(errors.UserError, match=r"'validation' of .* has no images"):
        run(str(data), tmp_path / "index", split="validation")
    assert not os.path.exists(tmp_path / "index")


def test_a_damaged_record_is_named(data_dir, tmp_path):
    copy = tmp_path / "copy"
    data_directories.write_data_directory(copy, num_classes=3, per_class=4)
    (shard,) = copy.glob("train-00001-*")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(errors.DataError, match="train-00001-of-00002"):
        run(str(copy), tmp_path / "index")


def test_a_records_file_name(data_dir):
    data = build.open_images(data_dir, CONFIG)
    names = {build.read_file_name(data, "train", row) for row in range(12)}
    assert len(names) == 12


def change_byte(path, place=-1):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "name", ["features-00001.npy", "labels-00001.npy", feature_files.PROBE_NAME]
)
def test_one_changed_byte_is_noticed(data_dir, tmp_path, name):
    run(data_dir, tmp_path)
    before = (tmp_path / name).read_bytes()
    # The lowest bit of a number: shape and type stay, and labels are of a class.
    change_byte(tmp_path / name, -4)
    with pytest.raises(errors.DataError, match=rf"{name} is damaged.*checksum"):
        features = feature_files.open_features(str(tmp_path))
        features.read_labels()
        for block in range(features.source.num_blocks):
            features.read_block(block)
    if name != feature_files.PROBE_NAME:
        run(data_dir, tmp_path)
        assert (tmp_path / name).read_bytes() == before


def test_a_block_that_is_made_again_has_its_own_checksum(data_dir, tmp_path):
    features = run(data_dir, tmp_path)
    (tmp_path / "features-00001.npy").unlink()
    # As on another device.
    rounded = dataclasses.replace(
        EXTRACTOR, compute=lambda images: np.float32(1.0001) * compute(images)
    )
    again = run(data_dir, tmp_path, rounded)
    assert not np.array_equal(again.read_block(1), features.read_block(0))
    assert again.source.checksums != features.source.checksums


def test_networks_are_told_apart_though_their_features_are_equal(data_dir, tmp_path):
    one, other = (dataclasses.replace(EXTRACTOR, identity=name) for name in "ab")
    features = run(data_dir, tmp_path / "known", one)
    build.check_network(features, one)
    # An old export does not say which network it has.
    build.check_network(features, EXTRACTOR)
    for refuse in (
        lambda: build.check_network(features, other),
        lambda: run(data_dir, tmp_path / "known", other),
    ):
        with pytest.raises(errors.UserError, match="of another network or checkpoint"):
            refuse()
    build.check_network(run(data_dir, tmp_path / "old"), one)
    lost = dataclasses.replace(one, compute=lambda images: np.nan * compute(images))
    with pytest.raises(errors.UserError, match="of another network or checkpoint"):
        build.check_network(features, lost)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
