"""Shards of TensorFlow Datasets as a source, written by TensorFlow."""

import json
import os
import pickle
import sys

import pytest

from tests import archives
from tests.tfrecords import conversions, data_sets
from tfrecords import errors
from tfrecords.sources import tfds


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds") / "imagenet2012" / "5.1.0"
    data_sets.write_tfds(folder, data_sets.make_splits(), num_shards=3)
    return folder


@pytest.fixture
def copy(written, tmp_path):
    """A copy that a test may damage."""
    for name in os.listdir(written):
        archives.write_file(tmp_path, name, (written / name).read_bytes())
    return tmp_path


def test_every_record_comes_with_its_class_and_name(written):
    source = tfds.open_tfds(str(written))
    splits = data_sets.make_splits()
    assert set(source.splits) == {"train", "validation"}
    for split, rows in splits.items():
        assert data_sets.list_split(source, split) == data_sets.expect(rows)
    assert [c.synset for c in source.classes] == list(data_sets.CLASSES)
    assert source.name == "tfds" and not source.applies_orientation
    assert len(source.inputs) == 6 and source.settings == {}
    text = " ".join(source.remarks)
    assert "9 training images of 3 classes; officially 1,281,167 of 1,000" in text
    assert "6 validation images; officially 50,000" in text
    other = pickle.loads(pickle.dumps(source))
    rows = data_sets.expect(splits["train"])
    assert data_sets.list_split(other, "train") == rows


def test_words_of_the_synsets_are_used(copy):
    lines = [f"{synset} {words}\n" for synset, words in data_sets.WORDS.items()]
    archives.write_file(copy, "LOC_synset_mapping.txt", "".join(lines).encode())
    classes = tfds.open_tfds(str(copy)).classes
    assert {c.synset: c.text for c in classes} == data_sets.WORDS


def test_a_split_without_labels_and_records_without_names(tmp_path):
    splits = {
        "train": data_sets.make_rows(4, num_classes=2),
        "test": [(name, -1, image) for name, _, image in data_sets.make_rows(2)],
    }
    data_sets.write_tfds(
        tmp_path, splits, 1, name="pets", classes="ab", keys=("image", "label", "")
    )
    source = tfds.open_tfds(str(tmp_path), validation_fraction=0.5, seed=1)
    assert not source.splits["test"].is_labelled
    assert source.splits["test"].filenames.tolist() == [
        b"pets-test.tfrecord-00000-of-00001#000000",
        b"pets-test.tfrecord-00000-of-00001#000001",
    ]
    assert source.splits["validation"].num_images == 2
    assert source.settings == {"validation_fraction": 0.5, "seed": 1}
    assert source.remarks == ()


def test_without_the_list_of_classes_their_numbers_are_their_names(copy):
    (copy / "label.labels.txt").unlink()
    source = tfds.open_tfds(str(copy))
    assert [c.synset for c in source.classes] == [f"label-000{i}" for i in range(3)]
    assert any("label.labels.txt is missing" in note for note in source.remarks)


def test_differences_from_the_info_are_noted_and_a_damaged_one_is_refused(copy):
    path = copy / "dataset_info.json"
    info = json.loads(path.read_text())
    info["splits"][0]["shardLengths"][0] = "1251"
    path.write_text(json.dumps(info))
    remarks = tfds.open_tfds(str(copy)).remarks
    assert any("9 train records; dataset_info.json says 1,257" in r for r in remarks)
    for text in ("{", "[]", '{"splits": [{"name": "train"}]}'):
        path.write_text(text)
        with pytest.raises(errors.DataError, match=r"dataset_info\.json is damaged"):
            tfds.open_tfds(str(copy))


def test_unsorted_classes_are_noted(copy):
    text = "\n".join(reversed(data_sets.CLASSES))
    (copy / "label.labels.txt").write_text(text)
    source = tfds.open_tfds(str(copy))
    assert [c.synset for c in source.classes] == list(reversed(data_sets.CLASSES))
    assert any("are not sorted" in note for note in source.remarks)


def test_a_label_out_of_range_is_named(copy):
    (copy / "label.labels.txt").write_text("a\nb\n")
    with pytest.raises(
        errors.DataError, match=r"train\.tfrecord.* byte \d+ has the label 2; the 2 "
    ):
        tfds.open_tfds(str(copy))
    (copy / "label.labels.txt").write_text("a\nb\na\n")
    with pytest.raises(errors.DataError, match="names a class twice"):
        tfds.open_tfds(str(copy))


def test_a_training_record_without_a_label_is_refused(tmp_path):
    rows = [("a.JPEG", 0, b"x"), ("b.JPEG", -1, b"x")]
    data_sets.write_tfds(tmp_path, {"train": rows}, 1)
    with pytest.raises(errors.DataError, match="has the label -1"):
        tfds.open_tfds(str(tmp_path))


def test_a_name_that_comes_twice_is_refused(tmp_path):
    data_sets.write_tfds(tmp_path, {"train": data_sets.make_rows(3) * 2})
    with pytest.raises(errors.DataError, match=r"called n01440764_0\.JPEG"):
        tfds.open_tfds(str(tmp_path))


def test_a_missing_shard_is_named(copy):
    (copy / "imagenet2012-train.tfrecord-00001-of-00003").unlink()
    with pytest.raises(errors.UserError, match=r"lacks 1 file of 3 .* number 1"):
        tfds.open_tfds(str(copy))


def test_damaged_shards_are_named(copy):
    path = copy / "imagenet2012-train.tfrecord-00000-of-00003"
    data = path.read_bytes()
    path.write_bytes(data[:-3])
    with pytest.raises(errors.DataError, match=r"00000-of-00003: record 2 .*cut short"):
        tfds.open_tfds(str(copy))
    # A bit that flips after the listing is found when the image is read.
    path.write_bytes(data)
    source = tfds.open_tfds(str(copy))
    path.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    with pytest.raises(errors.DataError, match="checksum"):
        data_sets.list_split(source, "train")


def test_other_keys_are_named(tmp_path):
    keys = ("image/encoded", "image/class/label", "")
    data_sets.write_tfds(tmp_path, {"train": data_sets.make_rows(3)}, 1, keys=keys)
    with pytest.raises(
        errors.DataError, match=r"no image \(it has image/class/label.*alexnet-index"
    ):
        tfds.open_tfds(str(tmp_path))


def test_it_is_converted_with_rejects_and_resumed(tmp_path, commands):
    data_sets.write_tfds(tmp_path / "data", conversions.make_splits())
    conversions.check_source(tmp_path, commands, "tfds")


def test_a_folder_of_other_files_says_what_it_holds(tmp_path):
    for i in range(12):
        archives.write_file(tmp_path, f"{i}.avi", b"")
    with pytest.raises(errors.UserError, match=r"it holds 12 \.avi files\. "):
        tfds.open_tfds(str(tmp_path))
    with pytest.raises(errors.UserError, match="There is no folder"):
        tfds.open_tfds(str(tmp_path / "absent"))


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_without_records_is_refused(tmp_path, split):
    splits = {"train": data_sets.make_rows(3), split: []}
    data_sets.write_tfds(tmp_path, splits, 1)
    with pytest.raises(errors.UserError, match=f"the split {split}, but not one"):
        tfds.open_tfds(str(tmp_path))


@pytest.mark.parametrize("label", [-1, 3, 2**31 - 1])
def test_labels_without_a_list_do_not_make_classes_without_images(tmp_path, label):
    rows = [(f"{i}.jpg", label, b"x") for i in range(3)]
    data_sets.write_tfds(tmp_path, {"train": rows}, 1, classes=())
    with pytest.raises(errors.DataError, match=rf"no label\.labels.* to {label:,}, "):
        tfds.open_tfds(str(tmp_path))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
