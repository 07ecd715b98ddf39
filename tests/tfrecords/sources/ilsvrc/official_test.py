"""ImageNet's archives as a source, in both layouts."""

import dataclasses
import hashlib
import io
import os
import pickle
import re
import shutil
import sys
import tarfile

import numpy as np
import pytest
import scipy.io

from tests import archives
from tests.tfrecords.sources.ilsvrc_archives import (
    DEVKIT,
    FOLDER,
    TRAIN,
    TRUTH,
    VALIDATION,
    open_source,
)
from tfrecords import errors
from tfrecords.conversion import source_report
from tfrecords.sources.ilsvrc import official, release

DATA = os.environ.get("ALEXNET_TEST_DATA")


def list_split(source, split):
    """The split as {file name: (label, bytes)}."""
    table = source.splits[split]
    return {
        bytes(table.filenames[row]).decode(): (
            int(table.labels[row]),
            source.read_image(split, row),
        )
        for row in range(table.num_images)
    }


def expect(images, labels):
    return {name: (labels[name], data) for name, data in images.items()}


@pytest.mark.parametrize("layout", ["archives", "kaggle"])
def test_every_image_comes_with_its_bytes_and_label(tmp_path, layout):
    # The synsets are not written in sorted order.
    classes = ("n02979186", "n01440764", "n02102040")
    written = archives.write_ilsvrc2012(tmp_path, classes=classes, layout=layout)
    source = open_source(tmp_path)
    assert list_split(source, "train") == expect(written.train, written.train_labels)
    assert list_split(source, "validation") == expect(
        written.validation, written.validation_labels
    )
    assert [(c.synset, c.text) for c in source.classes] == [
        (synset, archives.WORDS[synset]) for synset in sorted(classes)
    ]
    assert source.name == "ilsvrc2012"
    assert not source.applies_orientation
    for table in source.splits.values():
        assert list(table.filenames) == sorted(table.filenames)
        assert (table.labels.dtype, table.offset.dtype) == (np.int32, np.int64)


def test_both_layouts_give_the_same_images_labels_and_classes(tmp_path):
    archives.write_ilsvrc2012(tmp_path / "a", layout="archives")
    archives.write_ilsvrc2012(tmp_path / "k", layout="kaggle")
    a, k = open_source(tmp_path / "a"), open_source(tmp_path / "k")
    assert a.classes == k.classes
    for split in ("train", "validation"):
        # Pairs in order: the rows are the same, too.
        assert list(list_split(a, split).items()) == list(list_split(k, split).items())
        assert np.array_equal(a.splits[split].num_bytes, k.splits[split].num_bytes)


def make_again(data: bytes, mode: str, folder: str) -> bytes:
    """A tar or .tar.gz as Python on a Mac would make it of the unpacked files."""
    stream = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as old,
        tarfile.open(fileobj=stream, mode=mode, format=tarfile.PAX_FORMAT) as new,
    ):
        directory = tarfile.TarInfo(folder)
        directory.type = tarfile.DIRTYPE
        new.addfile(directory)
        for member in old:
            contents = old.extractfile(member).read()
            if member.name.endswith(".tar"):
                contents = make_again(contents, "w", "./")
            head, tail = os.path.split(member.name)
            hidden = tarfile.TarInfo(os.path.join(folder, head, f"._{tail}"))
            hidden.size = 9
            new.addfile(hidden, io.BytesIO(b"Mac OS X\0"))
            image = tarfile.TarInfo(os.path.join(folder, member.name))
            image.size, image.mtime = len(contents), 0.5
            new.addfile(image, io.BytesIO(contents))
    return stream.getvalue()


@pytest.mark.parametrize("folder", ["./", "unpacked/"])
def test_archives_that_were_made_again_are_read(tmp_path, folder):
    written = archives.write_ilsvrc2012(tmp_path)
    before = open_source(tmp_path)
    for name in (TRAIN, VALIDATION, DEVKIT):
        mode, inner = ("w:gz", "./") if name == DEVKIT else ("w", folder)
        data = make_again((tmp_path / name).read_bytes(), mode, inner)
        archives.write_file(tmp_path, name, data)
    source = open_source(tmp_path)
    assert list_split(source, "train") == expect(written.train, written.train_labels)
    assert list_split(source, "validation") == expect(
        written.validation, written.validation_labels
    )
    assert source.classes == before.classes


@pytest.mark.parametrize("layout", ["archives", "kaggle"])
def test_validation_images_of_other_classes_are_left_out_and_counted(tmp_path, layout):
    written = archives.write_ilsvrc2012(
        tmp_path,
        classes=archives.SYNSETS[1:3],
        validation_classes=archives.SYNSETS,
        validation_per_class=3,
        layout=layout,
    )
    source = open_source(tmp_path)
    found = list_split(source, "validation")
    assert {name: label for name, (label, _) in found.items()} == {
        name: label for name, label in written.validation_labels.items() if label >= 0
    }
    assert len(found) == 6
    assert any(r.startswith("6 validation images of cl") for r in source.remarks)


def test_a_validation_archive_without_known_classes_makes_no_split(tmp_path):
    archives.write_ilsvrc2012(
        tmp_path, classes=archives.SYNSETS[:1], validation_classes=archives.SYNSETS[1:]
    )
    source = open_source(tmp_path)
    assert set(source.splits) == {"train"}
    assert "There is no validation split." in source.remarks


def test_a_source_can_be_pickled_after_it_was_read(tmp_path):
    written = archives.write_ilsvrc2012(tmp_path)
    source = open_source(tmp_path)
    source.read_image("train", 0)
    other = pickle.loads(pickle.dumps(source))
    assert list_split(other, "train") == expect(written.train, written.train_labels)
    assert list_split(source, "train") == list_split(other, "train")


def test_sums_and_counts_are_compared(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    source = open_source(tmp_path)
    for file in source.inputs:
        data = (tmp_path / file.name).read_bytes()
        assert (file.num_bytes, file.official) == (len(data), False)
        assert file.md5 == hashlib.md5(data).hexdigest()
    assert [file.name for file in source.inputs] == [DEVKIT, TRAIN, VALIDATION]
    text = " ".join(source.remarks)
    assert f"{TRAIN} is not the official file" in text
    assert re.search("12 .* of 3 classes; .* 1,281,167 of 1,000", text)
    assert re.search("6 validation images; .* 50,000", text)
    with pytest.raises(errors.UserError, match=r"12 .* of 3 classes"):
        source_report.refuse_notes(source)


@pytest.mark.parametrize("layout", ["archives", "kaggle"])
def test_strict_passes_where_all_is_official(tmp_path, monkeypatch, layout):
    archives.write_ilsvrc2012(tmp_path, classes=archives.SYNSETS, layout=layout)
    files = open_source(tmp_path).inputs
    small = dataclasses.replace(
        release.ILSVRC2012,
        num_classes=4,
        num_images={"train": 16, "validation": 8, "test": 100_000},
        md5={file.name: file.md5 for file in files},
        num_bytes={file.name: file.num_bytes for file in files},
    )
    monkeypatch.setattr(official, "ILSVRC2012", small)
    source = open_source(tmp_path)
    assert source_report.find_notes(source) == []
    source_report.refuse_notes(source)
    if layout == "archives":
        assert all(file.official for file in source.inputs)
    for change in (
        {"num_classes": 5},
        {"num_images": {**small.num_images, "train": 17}},
        {"num_images": {**small.num_images, "validation": 9}},
    ):
        changed = dataclasses.replace(small, **change)
        monkeypatch.setattr(official, "ILSVRC2012", changed)
        with pytest.raises(errors.UserError, match="--strict"):
            source_report.refuse_notes(open_source(tmp_path))


def test_without_sums_the_sizes_decide(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    verdicts = {f.name: f for f in open_source(tmp_path, check_md5=False).inputs}
    assert all(file.md5 is None for file in verdicts.values())
    assert verdicts[TRAIN].official is False
    assert verdicts[DEVKIT].official is None


def test_a_missing_validation_archive_is_a_remark(tmp_path):
    written = archives.write_ilsvrc2012(tmp_path)
    os.remove(tmp_path / VALIDATION)
    source = open_source(tmp_path)
    assert set(source.splits) == {"train"}
    assert len(list_split(source, "train")) == len(written.train)
    assert source.classes[0].text == "tench, Tinca tinca"
    assert any(VALIDATION in r and "no validation split" in r for r in source.remarks)
    os.remove(tmp_path / DEVKIT)
    assert open_source(tmp_path).classes[0].text == "n01440764"
    with pytest.raises(errors.UserError, match="strict"):
        source_report.refuse_notes(open_source(tmp_path))


def test_validation_without_a_devkit_is_refused(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    os.rename(tmp_path / DEVKIT, tmp_path / "devkit.tgz")
    with pytest.raises(errors.UserError, match=rf"no file {DEVKIT}.*devkit\.tgz"):
        open_source(tmp_path)


def test_missing_and_misnamed_archives_are_listed(tmp_path):
    with pytest.raises(errors.UserError, match="has nothing"):
        open_source(tmp_path)
    (tmp_path / "imagenet_train.tar").write_bytes(b"")
    with pytest.raises(errors.UserError, match=rf"{TRAIN}.*imagenet_train\.tar"):
        open_source(tmp_path)
    with pytest.raises(errors.UserError, match="There is no folder"):
        open_source(tmp_path / "absent")


@pytest.mark.parametrize("layout", ["archives", "kaggle"])
@pytest.mark.parametrize(
    ("classes", "num_official", "named"),
    [
        (archives.SYNSETS[:3], 4, "lacks n03000684"),
        (archives.SYNSETS[1:], 4, "lacks n01440764"),
        (
            (*archives.SYNSETS, "n09999999"),
            4,
            "1 training .* not among .* n09999999",
        ),
    ],
)
def test_a_class_too_few_or_too_many_is_named(
    tmp_path, monkeypatch, layout, classes, num_official, named
):
    small = dataclasses.replace(release.ILSVRC2012, num_classes=num_official)
    monkeypatch.setattr(official, "ILSVRC2012", small)
    monkeypatch.setattr(archives, "list_known", lambda *_: archives.SYNSETS)
    archives.write_ilsvrc2012(
        tmp_path, classes=classes, validation_classes=archives.SYNSETS, layout=layout
    )
    text = " ".join(open_source(tmp_path).remarks)
    assert re.search(named, text)
    assert re.search(rf"of {len(classes)} classes; .* of 4", text)


def test_a_ground_truth_of_another_length_is_a_remark(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    remarks = open_source(tmp_path).remarks
    assert any("6 validation images" in r and "50,000" in r for r in remarks)


def test_a_validation_archive_without_images_is_refused(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    archives.write_file(tmp_path, VALIDATION, archives.make_tar([]))
    with pytest.raises(errors.DataError, match="has no validation image"):
        open_source(tmp_path)


def test_class_folders_under_train_lead_to_the_source_folder(tmp_path):
    archives.write_folder(tmp_path / "train", {"n01440764": 1})
    with pytest.raises(errors.UserError, match="--source=folder"):
        open_source(tmp_path)


@pytest.mark.skipif(DATA is None, reason="ALEXNET_TEST_DATA is not set")
def test_the_real_archives_of_ten_classes():
    directory = os.path.join(DATA, "ilsvrc2012")
    source = open_source(directory)
    train, validation = source.splits["train"], source.splits["validation"]
    assert (train.num_images, validation.num_images) == (4800, 500)
    assert np.bincount(train.labels).tolist() == [480] * 10
    assert np.bincount(validation.labels).tolist() == [50] * 10
    assert source.classes[0].text == "tench, Tinca tinca"
    assert source.classes[9].text == "parachute, chute"
    for row in range(0, 4800, 97):
        name = bytes(train.filenames[row]).decode()
        assert name.startswith(source.classes[train.labels[row]].synset + "_")
        assert source.read_image("train", row)[:2] == b"\xff\xd8"

    # Each label again, from the kit by other means.
    with tarfile.open(os.path.join(directory, DEVKIT)) as tar:
        truth = tar.extractfile(FOLDER + TRUTH).read().split()
        meta = scipy.io.loadmat(tar.extractfile(FOLDER + "meta.mat"))
    synsets = {
        int(r["ILSVRC2012_ID"][0, 0]): r["WNID"][0] for r in meta["synsets"][:, 0]
    }
    for row in range(500):
        number = int(re.search(rb"(\d{8})\.", bytes(validation.filenames[row]))[1])
        expected = synsets[int(truth[number - 1])]
        assert source.classes[validation.labels[row]].synset == expected


@pytest.mark.skipif(DATA is None, reason="ALEXNET_TEST_DATA is not set")
def test_the_real_devkit_of_2010_is_refused(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    kit = os.path.join(DATA, "ilsvrc2010", "ILSVRC2010_devkit-1.0.tar.gz")
    shutil.copyfile(kit, tmp_path / DEVKIT)
    with pytest.raises(errors.UserError, match="development kit of ILSVRC-2010"):
        open_source(tmp_path)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
