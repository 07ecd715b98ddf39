"""The index leads to every record; one that does not fit the shards is refused."""

import dataclasses
import os
import shutil
import sys

import numpy as np
import pytest

from tests import data_directories
from tfrecords import errors
from tfrecords.durable import files, npz
from tfrecords.shards import manifest, record_file, record_index


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    return str(path), data_directories.write_data_directory(path, per_class=3)


@pytest.fixture
def data_dir(built, tmp_path):
    return shutil.copytree(built[0], str(tmp_path / "data"))


def name_digest(data_dir, digest):
    """Makes the manifest name `digest` as the index's."""
    contents = manifest.read_manifest(data_dir)
    checksums = {**contents.checksums, manifest.INDEX_NAME: digest}
    manifest.write_manifest(
        data_dir, dataclasses.replace(contents, checksums=checksums)
    )


def test_the_index_finds_every_record(built):
    data_dir, contents = built
    index = record_index.read_index(data_dir, contents, "train")
    assert index.num_records == 6
    place = 0
    for shard, path in enumerate(index.paths):
        for offset, data in record_file.scan(path):
            assert index.shard[place] == shard
            assert index.offset[place] == offset
            assert index.length[place] == len(data)
            assert index.checksum[place] == record_file.compute_masked_crc(data)
            place += 1
    assert place == 6


def test_missing_and_resized_shards_are_refused(data_dir):
    contents = manifest.read_manifest(data_dir)
    shard = os.path.join(data_dir, contents.splits["train"].shards[1].name)
    size = os.path.getsize(shard)
    os.truncate(shard, size - 1)
    with pytest.raises(errors.DataError, match=f"{shard} has {size - 1:,} bytes"):
        record_index.read_index(data_dir, contents, "train")
    record_index.read_index(data_dir, contents, "train", check_sizes=False)
    record_index.read_index(data_dir, contents, "validation")
    os.unlink(shard)
    with pytest.raises(errors.DataError, match=f"{shard} is missing"):
        record_index.read_index(data_dir, contents, "train")


def test_a_missing_or_changed_index_is_refused(data_dir):
    contents = manifest.read_manifest(data_dir)
    path = os.path.join(data_dir, manifest.INDEX_NAME)
    with open(path, "r+b") as file:
        file.seek(100)
        byte = file.read(1)
        file.seek(100)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(errors.DataError, match="SHA-256"):
        record_index.read_index(data_dir, contents, "train")
    os.unlink(path)
    with pytest.raises(errors.DataError, match="is missing"):
        record_index.read_index(data_dir, contents, "train")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("train/shard", lambda a: a[::-1]),
        ("train/shard", lambda a: a[:-1]),
        ("train/shard", lambda a: a + 1),
        ("train/shard", lambda a: a.astype(np.float64)),
        ("train/offset", lambda a: a - 1),
        ("train/offset", lambda a: a + 10**9),
        ("train/offset", lambda a: a[:, None]),
        ("train/length", lambda a: a + 1),
        ("train/length", lambda a: a - 10**9),
        ("train/length", lambda a: np.full_like(a, 2**63 - 1)),
        ("train/checksum", lambda a: a[:-1]),
        ("train/checksum", lambda a: a.astype(np.int64)),
    ],
)
def test_an_index_that_fits_its_checksum_but_not_the_shards(data_dir, name, change):
    path = os.path.join(data_dir, manifest.INDEX_NAME)
    arrays = npz.load(path)
    arrays[name] = change(arrays[name])
    npz.save(path, arrays)
    digest = files.compute_digest(path)
    name_digest(data_dir, digest)
    contents = manifest.read_manifest(data_dir)
    with pytest.raises(errors.DataError, match="does not fit"):
        record_index.read_index(data_dir, contents, "train")


def remove_checksums(data_dir):
    """Leaves the index as earlier versions wrote it."""
    path = os.path.join(data_dir, manifest.INDEX_NAME)
    arrays = npz.load(path)
    npz.save(path, {n: a for n, a in arrays.items() if not n.endswith("/checksum")})
    name_digest(data_dir, files.compute_digest(path))
    return manifest.read_manifest(data_dir)


def test_an_index_without_checksums_is_read(data_dir):
    contents = remove_checksums(data_dir)
    index = record_index.read_index(data_dir, contents, "train")
    assert index.checksum is None and index.num_records == 6


def test_without_checksums_a_copied_shard_is_found(tmp_path):
    data_directories.write_data_directory(tmp_path, encoding="raw", per_class=4)
    contents = remove_checksums(str(tmp_path))
    train = [str(tmp_path / s.name) for s in contents.splits["train"].shards]
    record_index.read_index(str(tmp_path), contents, "train")
    shutil.copyfile(train[0], train[1])
    with pytest.raises(errors.DataError, match=train[1]):
        record_index.read_index(str(tmp_path), contents, "train")
    record_index.read_index(str(tmp_path), contents, "train", check_sizes=False)


def test_an_index_without_the_split_is_refused(data_dir):
    path = os.path.join(data_dir, manifest.INDEX_NAME)
    npz.save(path, {"x": np.zeros(1)})
    digest = files.compute_digest(path)
    name_digest(data_dir, digest)
    with pytest.raises(errors.DataError, match="lacks the array 'train/shard'"):
        record_index.read_index(data_dir, manifest.read_manifest(data_dir), "train")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
