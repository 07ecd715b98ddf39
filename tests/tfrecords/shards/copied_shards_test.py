"""Tests of `tfrecords.shards.copied_shards`."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys

import pytest

from tests import data_directories
from tfrecords import errors
from tfrecords.durable import files
from tfrecords.shards import copied_shards, manifest, record_file

SHARDS = {"train": ("a", "b", "c"), "validation": ("d",)}


@pytest.fixture
def data_dir(tmp_path):
    """Shards of two records of 50 bytes each, as raw images' are: of one size."""
    for names in SHARDS.values():
        for name in names:
            records = [f"{name}{number}".encode() * 25 for number in range(2)]
            (tmp_path / name).write_bytes(b"".join(map(record_file.frame, records)))
    return str(tmp_path)


@pytest.fixture
def contents(data_dir):
    splits = {
        split: manifest.SplitInfo(
            tuple(
                manifest.ShardInfo(
                    name, 2, 132, files.compute_digest(os.path.join(data_dir, name))
                )
                for name in names
            ),
            (2 * len(names),),
        )
        for split, names in SHARDS.items()
    }
    return manifest.Manifest(
        source="drawn",
        image_size=4,
        encoding="raw",
        label_offset=0,
        records_dir=".",
        settings={},
        classes=data_directories.make_classes(1),
        splits=splits,
        rejects=(),
        inputs=(),
        checksums={},
    )


def copy(data_dir: str, source: str, target: str) -> None:
    shutil.copyfile(os.path.join(data_dir, source), os.path.join(data_dir, target))


def replace_shards(
    contents: manifest.Manifest, shards: tuple[manifest.ShardInfo, ...]
) -> manifest.Manifest:
    """The manifest with other training shards."""
    train = dataclasses.replace(contents.splits["train"], shards=shards)
    return dataclasses.replace(contents, splits={**contents.splits, "train": train})


@pytest.mark.parametrize(
    ("source", "target", "split"),
    [
        ("a", "b", "train"),
        ("c", "a", "train"),
        ("d", "b", "train"),
        ("b", "d", "validation"),
    ],
)
def test_the_shard_that_was_overwritten_is_named(
    data_dir, contents, source, target, split
):
    for each in SHARDS:
        copied_shards.refuse(data_dir, contents, each)
    copy(data_dir, source, target)
    with pytest.raises(errors.DataError) as caught:
        copied_shards.refuse(data_dir, contents, split)
    assert f"the shard {os.path.join(data_dir, target)} " in str(caught.value)
    assert f"same record as {source}, " in str(caught.value)
    (other,) = SHARDS.keys() - {split}
    copied_shards.refuse(data_dir, contents, other)


def test_shards_that_were_equal_from_the_start_pass(data_dir, contents):
    copy(data_dir, "a", "b")
    first, second, third = contents.splits["train"].shards
    same = dataclasses.replace(second, sha256=first.sha256)
    shards = (first, same, third)
    copied_shards.refuse(data_dir, replace_shards(contents, shards), "train")


def test_shards_that_only_begin_alike_pass(data_dir, contents):
    with open(os.path.join(data_dir, "a"), "rb") as file:
        first = file.read(66)
    with open(os.path.join(data_dir, "b"), "r+b") as file:
        file.write(first)
    digest = files.compute_digest(os.path.join(data_dir, "b"))
    first, second, third = contents.splits["train"].shards
    alike = dataclasses.replace(second, sha256=digest)
    shards = (first, alike, third)
    copied_shards.refuse(data_dir, replace_shards(contents, shards), "train")


def test_missing_and_damaged_shards_are_left_to_the_reader(data_dir, contents):
    os.unlink(os.path.join(data_dir, "a"))
    with open(os.path.join(data_dir, "b"), "r+b") as file:
        file.write(b"\xff" * 12)
    copied_shards.refuse(data_dir, contents, "train")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
