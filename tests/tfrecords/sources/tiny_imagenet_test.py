"""Tiny ImageNet as a source, unpacked and as the zip."""

import pickle
import sys

import pytest

from tests import archives
from tests.tfrecords import data_sets
from tfrecords import errors
from tfrecords.sources import tiny_imagenet


def make_splits():
    return {
        "train": data_sets.make_rows(9),
        "validation": [
            (f"val_{i}.JPEG", label, image)
            for i, (_, label, image) in enumerate(data_sets.make_rows(6, first=50))
        ],
        "test": [
            (f"test_{i}.JPEG", -1, image)
            for i, (_, _, image) in enumerate(data_sets.make_rows(2, first=80))
        ],
    }


@pytest.fixture
def written(tmp_path):
    directory = tmp_path / "tiny-imagenet-200"
    data_sets.write_tiny_imagenet(directory, make_splits())
    return directory


def open_source(path):
    return tiny_imagenet.open_tiny_imagenet(str(path))


def check(source):
    for split, rows in make_splits().items():
        assert data_sets.list_split(source, split) == data_sets.expect(rows)
    assert {c.synset: c.text for c in source.classes} == data_sets.WORDS
    assert [c.synset for c in source.classes] == list(data_sets.CLASSES)
    assert source.name == "tiny_imagenet" and not source.applies_orientation
    text = " ".join(source.remarks)
    for found, official in ((3, "200"), (9, "100,000"), (6, "10,000"), (2, "10,000")):
        assert f"are {found} " in text and f"officially {official}" in text


def test_the_folder_and_the_zip_are_the_same(written):
    for path in (written, written.parent):
        source = open_source(path)
        check(source)
        assert source.inputs == ()
    path = written.parent / "zip" / "tiny-imagenet-200.zip"
    path.parent.mkdir()
    data_sets.pack_zip(path, written, written.name)
    for place in (path, path.parent):
        source = open_source(place)
        check(source)
        assert source.inputs[0].name == path.name and source.inputs[0].md5
    check(pickle.loads(pickle.dumps(source)))


def test_missing_splits_are_noted(tmp_path):
    data_sets.write_tiny_imagenet(tmp_path, {"train": make_splits()["train"]})
    source = open_source(tmp_path)
    assert set(source.splits) == {"train"}
    text = " ".join(source.remarks)
    assert "There are 0 validation images" in text
    assert "no validation split" in text


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("val/val_annotations.txt", "val_0.JPEG\tn01440764\n", "no line for val_1.JPE"),
        ("val/val_annotations.txt", "val_0.JPEG\tn99999999\n", "line 1: .*not a new"),
        ("val/val_annotations.txt", "val_0.JPEG\n", "line 1: .*not a new"),
        ("val/val_annotations.txt", "a\tn01440764\n" * 2, "line 2: .*not a new"),
        ("wnids.txt", "cat\n", "not a list of synsets"),
        ("wnids.txt", "n01440764\nn00000001\n", "no image in train/n00000001/images"),
        ("words.txt", "n01440764 tench\n", "line 1: .*not a new synset"),
    ],
)
def test_wrong_lists_are_refused(written, name, text, sentence):
    (written / name).write_text(text)
    with pytest.raises(errors.DataError, match=sentence):
        open_source(written)


def test_what_is_missing_is_named(written):
    (written / "val/val_annotations.txt").unlink()
    with pytest.raises(errors.DataError, match=r"no file val/val_annotations\.txt"):
        open_source(written)
    (written / "wnids.txt").unlink()
    with pytest.raises(errors.UserError, match=r"no wnids\.txt .*3 folders"):
        open_source(written)
    with pytest.raises(errors.UserError, match="There is no folder"):
        open_source(written / "absent")


def test_a_damaged_zip_is_named(tmp_path):
    path = archives.write_file(tmp_path, "tiny-imagenet-200.zip", b"x" * 1000)
    with pytest.raises(errors.DataError, match="is not a zip archive"):
        open_source(path)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
