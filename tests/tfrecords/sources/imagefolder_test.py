"""Folders with metadata.csv or metadata.jsonl as a source."""

import json
import os
import pickle
import sys

import pytest

from tests import archives
from tests.tfrecords import data_sets
from tfrecords import errors
from tfrecords.sources import imagefolder


def open_source(directory, **arguments):
    return imagefolder.open_imagefolder(str(directory), **arguments)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "make_label", [int, lambda label: ("emu", "cat", "dog")[label]]
)
def test_every_row_comes_with_its_class(tmp_path, kind, make_label):
    splits = data_sets.make_splits()
    data_sets.write_imagefolder(tmp_path, splits, kind=kind, make_label=make_label)
    archives.write_file(tmp_path / "train", "unlisted.jpg", b"x")
    source = open_source(tmp_path)
    names = [c.synset for c in source.classes]
    assert names == (["0", "1", "2"] if make_label is int else ["cat", "dog", "emu"])
    for split, rows in splits.items():
        assert data_sets.list_split(source, split) == {
            name: (names.index(str(make_label(label))), image)
            for name, label, image in rows
        }
    assert source.remarks == ("1 image that no table lists ignored.",)
    assert source.applies_orientation and source.name == "imagefolder"
    assert [i.name for i in source.inputs] == [
        f"{split}/metadata.{kind}" for split in splits
    ]
    other = pickle.loads(pickle.dumps(source))
    assert data_sets.list_split(other, "train") == data_sets.list_split(source, "train")


def test_one_table_for_all_splits(tmp_path):
    splits = data_sets.make_splits()
    table = []
    for split, rows in splits.items():
        for name, label, image in rows:
            archives.write_file(tmp_path / split, name, image)
            table.append((f"{split}/{name}", label))
    data_sets.write_table(tmp_path, table)
    source = open_source(tmp_path)
    for split, rows in splits.items():
        assert data_sets.list_split(source, split) == {
            f"{split}/{name}": (label, image) for name, label, image in rows
        }


def test_one_table_for_training_images_of_which_some_are_held_out(tmp_path):
    rows = data_sets.make_rows(12)
    for name, _, image in rows:
        archives.write_file(tmp_path / "images", name, image)
    table = [(f"images/{name}", label) for name, label, _ in rows]
    data_sets.write_table(tmp_path, table)
    source = open_source(tmp_path, validation_fraction=0.5, seed=3)
    parts = [data_sets.list_split(source, s) for s in ("train", "validation")]
    assert [len(part) for part in parts] == [6, 6]
    assert parts[0] | parts[1] == {
        f"images/{name}": (label, image) for name, label, image in rows
    }
    assert open_source(tmp_path).splits["train"].num_images == 12


def test_test_images_may_be_without_labels_and_others_not(tmp_path):
    data_sets.write_imagefolder(tmp_path, data_sets.make_splits())
    archives.write_file(tmp_path / "test", "a.jpg", b"x")
    data_sets.write_table(tmp_path / "test", [("a.jpg",)], header=("file_name",))
    assert not open_source(tmp_path).splits["test"].is_labelled
    data_sets.write_table(
        tmp_path / "validation",
        [("n01440764_102.JPEG",)],
        header=("file_name",),
    )
    with pytest.raises(errors.UserError, match="validation images without a class"):
        open_source(tmp_path)


def make_wrong_tables():
    """By what the error says: rows of train/metadata.csv, and its header."""
    good = ("file_name", "label")
    return {
        "columns file_name and label; it begins with 'a.jpg, cat'": (
            [("b.jpg", "cat")],
            ("a.jpg", "cat"),
        ),
        "it begins with 'nothing'": ([], None),
        "lists no image": ([], good),
        r"line 3: there is no file .*train/absent\.jpg": (
            [("a.jpg", "cat"), ("absent.jpg", "cat")],
            good,
        ),
        "line 2: there are 3 fields where the header has 2": (
            [("a.jpg", "cat", "striped")],
            good,
        ),
        r"'\.\./secret\.jpg' is not a path below": ([("../secret.jpg", "cat")], good),
        "'/etc/passwd' is not a path": ([("/etc/passwd", "cat")], good),
        r"images of one split are called a\.jpg": ([("a.jpg", "cat")] * 2, good),
        "train images without a class": ([("a.jpg", "")], good),
        "line 2: .*train/folder is a folder": ([("folder", "cat")], good),
    }


@pytest.mark.parametrize("sentence", make_wrong_tables())
def test_wrong_tables_are_refused(tmp_path, sentence):
    rows, header = make_wrong_tables()[sentence]
    archives.write_file(tmp_path / "train", "a.jpg", b"x")
    archives.write_file(tmp_path, "secret.jpg", b"x")
    os.mkdir(tmp_path / "train/folder")
    data_sets.write_table(tmp_path / "train", rows, header=header)
    with pytest.raises(errors.UserError, match=sentence):
        open_source(tmp_path)


@pytest.mark.parametrize(
    "line",
    ['{"file_name": "a.jpg"', "[]", '{"label": 1}', '{"file_name": 1, "label": 1}']
    + [f'{{"file_name": "a.jpg", "label": {label}}}' for label in ("true", "1.5")],
)
def test_wrong_lines_are_refused(tmp_path, line):
    archives.write_file(tmp_path, "a.jpg", b"x")
    archives.write_file(tmp_path, "metadata.jsonl", f"\n{line}\n".encode())
    with pytest.raises(errors.DataError, match=r"metadata\.jsonl, line 2"):
        open_source(tmp_path)


def test_tables_that_contradict_each_other_are_refused(tmp_path):
    data_sets.write_imagefolder(tmp_path, data_sets.make_splits())
    data_sets.write_table(tmp_path, [("a.jpg", "1")])
    with pytest.raises(errors.UserError, match="either in one table or"):
        open_source(tmp_path)
    data_sets.write_table(tmp_path, [("a.jpg", "1")], "jsonl")
    with pytest.raises(errors.UserError, match="are both there"):
        open_source(tmp_path)


def test_a_folder_without_a_table_says_what_it_holds(tmp_path):
    archives.write_folder(tmp_path, {"cat": 1, "dog": 1})
    with pytest.raises(errors.UserError, match=r"it holds 2 folders \(cat, dog\)"):
        open_source(tmp_path)


@pytest.mark.parametrize("other", ["val", "valid"])
def test_two_folders_of_validation_images_are_refused(tmp_path, other):
    splits = {**data_sets.make_splits(), other: data_sets.make_rows(3)}
    data_sets.write_imagefolder(tmp_path, splits)
    with pytest.raises(errors.UserError, match="two folders of validation images"):
        open_source(tmp_path)


@pytest.mark.parametrize("column", ["file_name", "label"])
def test_names_that_cannot_be_stored_are_refused(tmp_path, column):
    archives.write_file(tmp_path, "a.jpg", b"x")
    row = {"file_name": "a.jpg", "label": "cat", column: "\ud800"}
    archives.write_file(tmp_path, "metadata.jsonl", json.dumps(row).encode())
    with pytest.raises(errors.UserError, match=r"\\ud800.*Rename|ud800.*Correct"):
        open_source(tmp_path)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
