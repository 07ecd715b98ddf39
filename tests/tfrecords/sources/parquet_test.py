"""Parquet files of images as a source, written by pyarrow."""

import json
import pickle
import sys

import pytest

from tests import optional
from tests.tfrecords import data_sets
from tfrecords import errors
from tfrecords.sources import parquet, parquet_files

WITHOUT = "pyarrow is not installed (extra parquet)"
pa = optional.require(__name__, "pyarrow", WITHOUT)
pq = optional.require(__name__, "pyarrow.parquet", WITHOUT)


def open_source(directory, **arguments):
    return parquet.open_parquet(str(directory), **arguments)


@pytest.mark.parametrize("folder", ["", "data"])
@pytest.mark.parametrize("compression", ["snappy", "none"])
def test_every_row_comes_with_its_class(tmp_path, folder, compression):
    splits = data_sets.make_splits()
    data_sets.write_parquet(
        tmp_path / folder, splits, row_group_size=2, compression=compression
    )
    source = open_source(tmp_path)
    for split, rows in splits.items():
        assert data_sets.list_split(source, split) == data_sets.expect(rows)
    assert [c.synset for c in source.classes] == ["cat", "dog", "emu"]
    assert source.name == "parquet" and source.applies_orientation
    assert source.remarks == () and len(source.inputs) == 4
    # The mean of a row group.
    assert source.splits["train"].num_bytes.min() > 300
    other = pickle.loads(pickle.dumps(source))
    assert data_sets.list_split(other, "train") == data_sets.list_split(source, "train")


def test_groups_leave_memory_and_files_are_closed(tmp_path, monkeypatch):
    splits = {"train": data_sets.make_rows(12)}
    data_sets.write_parquet(tmp_path, splits, num_files=3, row_group_size=2)
    monkeypatch.setattr(parquet, "_CACHE_BYTES", 1000)
    monkeypatch.setattr(parquet, "_MAX_OPEN_FILES", 2)
    source = open_source(tmp_path)
    rows = data_sets.expect(splits["train"])
    assert data_sets.list_split(source, "train") == rows
    assert len(source._groups) == 1 and len(source._files) == 2


def test_images_without_paths_are_called_by_file_and_row(tmp_path):
    rows = [(None, label, image) for _, label, image in data_sets.make_rows(4)]
    data_sets.write_parquet(tmp_path, {"train": rows}, num_files=2)
    found = data_sets.list_split(open_source(tmp_path), "train")
    assert sorted(found) == [
        f"train-0000{file}-of-00002.parquet#00000{row}"
        for file in range(2)
        for row in range(2)
    ]
    assert [image for _, image in found.values()] == [rows[i][2] for i in (0, 2, 1, 3)]


@pytest.mark.parametrize("as_text", [False, True])
def test_classes_without_metadata(tmp_path, as_text):
    rows = [
        (name, str(9 - label) if as_text else 9 - label, image)
        for name, label, image in data_sets.make_rows(6)
    ]
    data_sets.write_parquet(tmp_path, {"train": rows}, classes=None)
    source = open_source(tmp_path, validation_fraction=0.5)
    assert [c.synset for c in source.classes] == ["7", "8", "9"]
    assert source.splits["validation"].num_images == 3
    found = data_sets.list_split(source, "train")
    assert {label for label, _ in found.values()} == {0, 1, 2}


def test_columns_are_those_of_the_metadata(tmp_path):
    columns = ("img", "fine_label")
    data_sets.write_parquet(tmp_path, data_sets.make_splits(), columns=columns)
    found = data_sets.list_split(open_source(tmp_path), "train")
    assert found == data_sets.expect(data_sets.make_splits()["train"])
    data_sets.write_parquet(
        tmp_path, data_sets.make_splits(), columns=columns, classes=None
    )
    with pytest.raises(errors.UserError, match=r"columns img, fine_label; .* image"):
        open_source(tmp_path)


def test_classes_of_one_name_get_ids_of_their_own(tmp_path):
    classes = ("crane", "dog", "crane")
    data_sets.write_parquet(tmp_path, data_sets.make_splits(), classes=classes)
    found = [(c.synset, c.text) for c in open_source(tmp_path).classes]
    assert found == [("crane (0)", "crane"), ("dog", "dog"), ("crane (2)", "crane")]


def test_test_images_may_be_without_labels(tmp_path):
    rows = [(name, -1, image) for name, _, image in data_sets.make_rows(2)]
    data_sets.write_parquet(tmp_path, {**data_sets.make_splits(), "test": rows})
    assert not open_source(tmp_path).splits["test"].is_labelled
    data_sets.write_parquet(tmp_path, {"validation": rows})
    with pytest.raises(errors.DataError, match=r"validation.*row 0 has the label -1"):
        open_source(tmp_path)


def test_a_label_out_of_range_is_named(tmp_path):
    data_sets.write_parquet(tmp_path, data_sets.make_splits(), classes=("cat", "dog"))
    with pytest.raises(
        errors.DataError, match=r"train-00000.*: row 1 has the label 2; the 2 classes"
    ):
        open_source(tmp_path)


def test_an_image_that_is_null_is_empty(tmp_path):
    rows = [("a", 0, b"x"), ("b", 1, None)]
    data_sets.write_parquet(tmp_path, {"train": rows}, 1)
    source = open_source(tmp_path)
    assert data_sets.list_split(source, "train") == {"a": (0, b"x"), "b": (1, b"")}


def test_damaged_and_changed_files_are_named(tmp_path):
    data_sets.write_parquet(tmp_path, data_sets.make_splits())
    source = open_source(tmp_path)
    path = tmp_path / "train-00001-of-00002.parquet"
    data = path.read_bytes()
    path.write_bytes((tmp_path / "validation-00000-of-00002.parquet").read_bytes())
    with pytest.raises(errors.DataError, match=r"00001-of-00002\.parquet has changed"):
        data_sets.list_split(source, "train")
    for damaged in (data[:-100], data[100:], b""):
        path.write_bytes(damaged)
        with pytest.raises(errors.DataError, match=r"00001.*is damaged or is not"):
            open_source(tmp_path)
    path.unlink()
    with pytest.raises(errors.UserError, match="lacks 1 file of 2"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ("{", errors.DataError),
        ('{"info": {}}', errors.DataError),
        (
            json.dumps(
                {"info": {"features": {"label": {"_type": "ClassLabel", "names": [1]}}}}
            ),
            errors.DataError,
        ),
    ],
)
def test_damaged_metadata_are_refused(tmp_path, metadata, kind):
    table = pa.table({"image": [{"bytes": b"x"}], "label": [0]})
    table = table.replace_schema_metadata({"huggingface": metadata})
    pq.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    with pytest.raises(kind, match="train-00000-of-00001"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("image", "label", "sentence"),
    [
        (b"x", 0, "image is binary, not a struct"),
        ({"bytes": "x"}, 0, "not a struct of bytes"),
        ({"bytes": [1, 2]}, 0, "not a struct of bytes"),
        ({"bytes": b"x"}, 0.5, "label is double; a number or a name"),
        ({"bytes": b"x"}, None, "without a class"),
    ],
)
def test_columns_of_other_kinds_are_refused(tmp_path, image, label, sentence):
    table = pa.table({"image": [image], "label": [label]})
    pq.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    with pytest.raises(errors.UserError, match=sentence):
        open_source(tmp_path)


def test_files_that_disagree_are_refused(tmp_path):
    rows = {"validation": data_sets.make_rows(3)}
    data_sets.write_parquet(tmp_path, data_sets.make_splits())
    data_sets.write_parquet(tmp_path, rows, classes=("dog", "cat", "emu"))
    with pytest.raises(errors.DataError, match="other columns or classes than"):
        open_source(tmp_path)


def test_large_groups_are_noted(tmp_path, monkeypatch):
    data_sets.write_parquet(tmp_path, data_sets.make_splits())
    monkeypatch.setattr(parquet, "_LARGE_GROUP_BYTES", 100)
    assert open_source(tmp_path).remarks == ()
    monkeypatch.setattr(parquet, "_CACHE_BYTES", 1000)
    assert any("row_group_size" in note for note in open_source(tmp_path).remarks)


def test_without_pyarrow_there_is_the_command_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(errors.UserError, match=r"pip install 'alexnet-tf\[parquet\]'"):
        open_source(tmp_path)
    with pytest.raises(errors.UserError, match="pyarrow"):
        parquet_files.import_pyarrow()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_split_without_rows_is_refused(tmp_path, split):
    splits = data_sets.make_splits()
    data_sets.write_parquet(tmp_path, {**splits, split: []})
    with pytest.raises(errors.UserError, match=f"the split {split}, but not one"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("labels", "kind", "sentence"),
    [
        ([0, 2**40], errors.DataError, "row 1 has the label 1099511627776; the 3"),
        (["cat", "dog"], errors.UserError, "label is string; the number of its class"),
    ],
)
def test_numbered_classes_have_small_numbers(tmp_path, labels, kind, sentence):
    rows = [(f"{label}.jpg", label, b"x") for label in labels]
    data_sets.write_parquet(tmp_path, {"train": rows}, 1)
    with pytest.raises(kind, match=sentence):
        open_source(tmp_path)


@pytest.mark.parametrize("column", ["label", "path"])
def test_text_that_is_not_utf8_is_refused(tmp_path, column):
    wrong = pa.array([b"\xff"], pa.binary())
    wrong = pa.Array.from_buffers(pa.string(), 1, wrong.buffers())
    columns = {"label": pa.array(["a"]), "path": pa.array(["1.jpg"]), column: wrong}
    image = pa.StructArray.from_arrays(
        [pa.array([b"x"]), columns["path"]], ["bytes", "path"]
    )
    table = pa.table({"image": image, "label": columns["label"]})
    pq.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    with pytest.raises(errors.DataError, match=r"train-00000.* is damaged or is not"):
        open_source(tmp_path)


def test_names_of_classes_that_cannot_be_stored_are_refused(tmp_path):
    rows = {"train": data_sets.make_rows(3)}
    data_sets.write_parquet(tmp_path, rows, classes=("a", "b", "\ud800"))
    with pytest.raises(errors.UserError, match="is not UTF-8"):
        open_source(tmp_path)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
