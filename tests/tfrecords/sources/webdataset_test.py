"""Tars of WebDataset samples as a source."""

import pickle
import sys
import tarfile

import pytest

from tests import archives
from tests.tfrecords import data_sets
from tfrecords import errors
from tfrecords.sources import stored, webdataset


def open_source(directory, **arguments):
    return webdataset.open_webdataset(str(directory), **arguments)


def expect(rows):
    return {
        f"{name[:9]}/{name.removesuffix('.JPEG')}.jpg": (label, image)
        for name, label, image in rows
    }


def test_every_sample_comes_with_its_class(tmp_path):
    splits = data_sets.make_splits()
    data_sets.write_webdataset(tmp_path, splits, num_tars=3)
    source = open_source(tmp_path)
    for split, rows in splits.items():
        assert data_sets.list_split(source, split) == expect(rows)
    assert [c.synset for c in source.classes] == ["0", "1", "2"]
    assert source.name == "webdataset" and source.remarks == ()
    other = pickle.loads(pickle.dumps(source))
    assert data_sets.list_split(other, "train") == expect(splits["train"])


def test_few_tars_are_open_at_a_time(tmp_path, monkeypatch):
    rows = data_sets.make_rows(12)
    data_sets.write_webdataset(tmp_path, {"train": rows}, num_tars=4)
    source = open_source(tmp_path)
    monkeypatch.setattr(stored, "_MAX_OPEN_FILES", 2)
    assert data_sets.list_split(source, "train") == expect(rows)
    assert len(source._descriptors) == 2


def test_classes_are_sorted_as_numbers_or_as_names(tmp_path):
    rows = data_sets.make_rows(3)
    for folder, values, expected in (
        ("numbers", (1000, 7, 30), ["7", "30", "1000"]),
        ("names", ("emu", "Cat", "10"), ["10", "Cat", "emu"]),
    ):
        data_sets.write_webdataset(
            tmp_path / folder,
            {"train": rows},
            make_label=lambda label, values=values: f" {values[label]}\n",
        )
        source = open_source(tmp_path / folder)
        assert [c.synset for c in source.classes] == expected
        labels = {label for label, _ in data_sets.list_split(source, "train").values()}
        assert labels == {0, 1, 2}


def test_classes_may_be_in_json_and_other_files_are_counted(tmp_path):
    image = archives.make_image(1, file_format="PNG")
    members = [
        ("a.PNG", image),
        ("a.json", b'{"label": 4}'),
        ("b.png", image),
        ("b.json", b'{"label": "4"}'),
        ("b.seg.png", b"x"),
        ("c.cls", b"5"),
        (".hidden.jpg", b"x"),
    ]
    data_sets.write_tar(tmp_path, "00000.tar", members)
    source = open_source(tmp_path)
    found = data_sets.list_split(source, "train")
    assert found == {"a.PNG": (0, image), "b.png": (0, image)}
    text = " ".join(source.remarks)
    assert "1 sample without an image" in text
    assert "1 file with other suffixes" in text
    assert "no validation split" in text


def test_images_may_be_held_out(tmp_path):
    data_sets.write_webdataset(tmp_path, {"train": data_sets.make_rows(12)})
    source = open_source(tmp_path, validation_fraction=0.25, seed=2)
    held_out = data_sets.list_split(source, "validation")
    assert sorted(label for label, _ in held_out.values()) == [0, 1, 2]
    both = held_out | data_sets.list_split(source, "train")
    assert both == expect(data_sets.make_rows(12))


def test_series_that_are_named_otherwise(tmp_path):
    rows = data_sets.make_rows(6)
    data_sets.write_webdataset(tmp_path, {"imagenet1k-train": rows}, num_tars=2)
    assert data_sets.list_split(open_source(tmp_path), "train") == expect(rows)
    data_sets.write_webdataset(tmp_path, {"train": rows}, num_tars=2)
    with pytest.raises(errors.UserError, match="2 series of files for the split train"):
        open_source(tmp_path)


def test_a_truncated_tar_names_the_byte(tmp_path):
    data_sets.write_webdataset(tmp_path, {"train": data_sets.make_rows(6)})
    path = tmp_path / "train-000001.tar"
    data = path.read_bytes()
    path.write_bytes(data[:4000])
    with pytest.raises(errors.DataError, match=r"000001\.tar, byte \d+"):
        open_source(tmp_path)


def make_wrong_tars():
    image = archives.make_image(1)
    sample = [("a.jpg", image), ("a.cls", b"1")]
    return {
        "a second member is called": [*sample, *sample],
        r"the sample a has 2 images \(jpg, png\)": [*sample, ("a.png", image)],
        "images without a class": [*sample, ("b.jpg", image)],
        "not UTF-8": [("a.jpg", image), ("a.cls", b"\xff")],
        "more than any class needs": [("a.jpg", image), ("a.cls", b"1" * 2000)],
        "json that is damaged": [("a.jpg", image), ("a.json", b"{")],
        "neither a number nor a name": [("a.jpg", image), ("a.json", b'{"label": []}')],
        r"called '\.\./a\.jpg'; names like n01440764_1\.jpg": [("../a.jpg", image)],
        "called '/a.jpg'": [("/a.jpg", image)],
        "hold no images": [("a.cls", b"1")],
    }


@pytest.mark.parametrize("sentence", make_wrong_tars())
def test_wrong_samples_are_refused(tmp_path, sentence):
    data_sets.write_tar(tmp_path, "train-0.tar", make_wrong_tars()[sentence])
    with pytest.raises(errors.UserError, match=sentence):
        open_source(tmp_path)


def test_links_are_refused(tmp_path):
    with tarfile.open(tmp_path / "train-0.tar", "w") as tar:
        member = tarfile.TarInfo("a.jpg")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(errors.DataError, match="is a symbolic link"):
        open_source(tmp_path)


def test_a_key_in_two_tars_is_refused(tmp_path):
    data_sets.write_webdataset(tmp_path, {"train": data_sets.make_rows(3)}, 1)
    (tmp_path / "train-000001.tar").write_bytes(
        (tmp_path / "train-000000.tar").read_bytes()
    )
    with pytest.raises(errors.DataError, match=r"called n01440764/n01440764_0\.jpg"):
        open_source(tmp_path)


def test_classes_of_validation_need_training_images(tmp_path):
    splits = {"train": data_sets.make_rows(2), "val": data_sets.make_rows(3, first=9)}
    data_sets.write_webdataset(tmp_path, splits, 1)
    with pytest.raises(errors.UserError, match=r"split validation.* class '2'"):
        open_source(tmp_path)


def test_missing_tars_are_named(tmp_path):
    with pytest.raises(errors.UserError, match=r"no tars .*; it holds nothing"):
        open_source(tmp_path)
    data_sets.write_webdataset(tmp_path, {"train": data_sets.make_rows(6)}, 3)
    (tmp_path / "train-000001.tar").unlink()
    with pytest.raises(errors.UserError, match="lacks 1 file of 3"):
        open_source(tmp_path)


@pytest.mark.parametrize("suffix", ["jpg", "cls"])
def test_suffixes_in_upper_and_lower_case_are_not_one_file(tmp_path, suffix):
    members = [("a.jpg", b"x"), ("a.cls", b"0"), (f"a.{suffix.upper()}", b"1")]
    data_sets.write_tar(tmp_path, "train-0.tar", members)
    with pytest.raises(errors.DataError, match=rf"sample a has two files \.{suffix},"):
        open_source(tmp_path)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
