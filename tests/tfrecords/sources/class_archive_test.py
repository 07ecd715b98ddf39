"""Zips and tars of class folders as a source."""

import os
import pickle
import sys
import tarfile
import zipfile

import pytest

from tests import archives
from tests.tfrecords import data_sets
from tfrecords import errors
from tfrecords.sources import class_archive


def open_source(path, **arguments):
    return class_archive.open_archive(str(path), **arguments)


def pack(kind, path, directory, root="."):
    if kind == "zip":
        data_sets.pack_zip(path, directory, root)
    else:
        data_sets.pack_tar(path, directory, root)


def list_split(source, split):
    return {
        name: (source.classes[label].synset, image)
        for name, (label, image) in data_sets.list_split(source, split).items()
    }


def expect(written):
    return {name: (name.split("/")[0], data) for name, data in written.items()}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("root", [".", "images", "my/images"])
def test_class_folders(tmp_path, kind, root):
    written = archives.write_folder(tmp_path / "in", {"dog": 3, "cat": 4})
    archives.write_file(tmp_path / "in", "readme.txt", b"")
    archives.write_file(tmp_path / "in/cat/deeper", "1.jpg", b"x")
    pack(kind, tmp_path / f"a.{kind}", tmp_path / "in", root)
    for path in (tmp_path, tmp_path / f"a.{kind}"):
        source = open_source(path)
        assert set(source.splits) == {"train"}
        assert list_split(source, "train") == expect(written)
        assert any(r.startswith("2 files ignored") for r in source.remarks)
    other = pickle.loads(pickle.dumps(source))
    assert list_split(other, "train") == expect(written)
    assert source.name == "archive" and source.inputs[0].name == f"a.{kind}"
    source = open_source(path, validation_fraction=0.34)
    counts = {split: table.num_images for split, table in source.splits.items()}
    assert counts == {"train": 5, "validation": 2}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_splits_of_synsets(tmp_path, kind):
    synsets = list(data_sets.WORDS)
    written = {}
    for split, folder in (("train", "train"), ("validation", "val")):
        counts = dict.fromkeys(synsets, 2)
        written[split] = archives.write_folder(tmp_path / "in" / folder, counts)
    pack(kind, tmp_path / f"a.{kind}", tmp_path / "in", "imagenet")
    lines = "".join(f"{n}\t{words}\n" for n, words in data_sets.WORDS.items())
    archives.write_file(tmp_path, "words.txt", lines.encode())
    source = open_source(tmp_path)
    for split, images in written.items():
        assert list_split(source, split) == expect(images)
    assert {c.synset: c.text for c in source.classes} == data_sets.WORDS
    assert source.remarks == ()
    with pytest.raises(errors.UserError, match="validation split of 6 images"):
        open_source(tmp_path, validation_fraction=0.5)


def test_what_is_refused_in_a_tar(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("cat/1.jpg")
        member.type, member.linkname = tarfile.LNKTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(errors.DataError, match="is a hard link"):
        open_source(tmp_path)
    data_sets.write_tar(tmp_path, "a.tar", [("cat/../../1.jpg", b"x")])
    with pytest.raises(errors.DataError, match=r"names like cat/1\.jpg are expected"):
        open_source(tmp_path)


def test_a_truncated_archive_is_named(tmp_path):
    archives.write_folder(tmp_path / "in", {"dog": 3, "cat": 4})
    for kind in ("zip", "tar"):
        path = tmp_path / f"a.{kind}"
        pack(kind, path, tmp_path / "in")
        path.write_bytes(path.read_bytes()[:3000])
        with pytest.raises(errors.DataError, match=f"a.{kind}"):
            open_source(path)


def test_archives_without_classes_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.jpg", b"x")
    with pytest.raises(errors.UserError, match="has no folders of images"):
        open_source(tmp_path)
    archives.write_folder(tmp_path / "in/train", {"dog": 1})
    archives.write_folder(tmp_path / "in/val", {"cat": 1})
    pack("tar", tmp_path / "b.tar", tmp_path / "in")
    with pytest.raises(errors.UserError, match="has the class cat, but"):
        open_source(tmp_path / "b.tar")
    # Which of the two?
    with pytest.raises(errors.UserError, match=r"no single \.zip or \.tar; it holds 1"):
        open_source(tmp_path)


def test_a_compressed_tar_has_advice(tmp_path):
    archives.write_file(tmp_path, "a.tgz", b"")
    with pytest.raises(errors.UserError, match="gunzip"):
        open_source(tmp_path / "a.tgz")
    with pytest.raises(errors.UserError, match="There is no folder"):
        open_source(tmp_path / "absent.zip")


def test_a_class_whose_name_is_not_utf8_is_refused(tmp_path):
    folder = os.fsencode(tmp_path / "in") + b"/c\xffat"
    os.makedirs(folder)
    with open(folder + b"/1.jpg", "wb") as file:
        file.write(b"x")
    pack("tar", tmp_path / "a.tar", tmp_path / "in")
    with pytest.raises(errors.UserError, match=r"a\.tar has the class .*not UTF-8"):
        open_source(tmp_path / "a.tar", validation_fraction=0.5)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
