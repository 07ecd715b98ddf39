"""What benchmarks work on: drawn images, or the first images of shards."""

from __future__ import annotations

import io
import pathlib
import sys

import pytest
from PIL import Image

from tests import data_directories
from tfrecords import errors
from tfrecords.shards import manifest
from tools.benchmarks import fixtures
from tools.benchmarks.harness import Options


@pytest.fixture
def shards(tmp_path):
    path = tmp_path / "shards"
    data_directories.write_data_directory(path, num_classes=3, per_class=4)
    return str(path)


def test_the_first_images_of_shards_are_read_from_them(shards):
    source = fixtures.open_shards(shards, {"train": 5, "validation": 100, "test": 1})
    assert {split: t.num_images for split, t in source.splits.items()} == {
        "train": 5,
        "validation": 12,
    }
    held = fixtures.read_encoded(shards, 5)
    read = [source.read_image("train", row) for row in range(5)]
    assert read == [record.image_bytes for record in held]
    labels = source.splits["train"].labels.tolist()
    assert labels == [record.label for record in held]


def test_a_raw_copy_of_shards(shards, tmp_path):
    path = fixtures.make_data(
        Options(data_dir=shards), str(tmp_path), 6, encoding="raw"
    )
    info = manifest.read_manifest(path)
    assert info.encoding == "raw" and set(info.splits) == {"train"}
    assert fixtures.count_records(path, "train") == 6
    assert fixtures.count_classes(path) == 3


def test_drawn_data_is_rounded_up_to_the_classes(tmp_path, capsys):
    path = fixtures.make_data(Options(), str(tmp_path), 1, 1)
    assert fixtures.count_records(path, "train") == 20
    assert fixtures.count_records(path, "validation") == 20
    assert capsys.readouterr().out == ""


def test_drawn_photographs_have_their_size_and_differ(tmp_path):
    paths = fixtures.draw_photographs(str(tmp_path), 3, (50, 37))
    contents = [pathlib.Path(path).read_bytes() for path in paths]
    assert len(set(contents)) == 3
    assert {Image.open(io.BytesIO(data)).size for data in contents} == {(50, 37)}


def test_given_photographs_are_copied(tmp_path):
    given, folder = tmp_path / "given", tmp_path / "copies"
    given.mkdir()
    folder.mkdir()
    drawn = fixtures.draw_photographs(str(given), 3, (50, 37))
    (given / "other.txt").write_text("no image")
    copies = fixtures.get_photographs(str(given), str(folder), 2)
    assert [pathlib.Path(path).read_bytes() for path in copies] == [
        pathlib.Path(path).read_bytes() for path in drawn[:2]
    ]
    with pytest.raises(errors.UserError, match="no JPEG"):
        fixtures.get_photographs(str(folder / "nowhere"), str(folder), 2)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
