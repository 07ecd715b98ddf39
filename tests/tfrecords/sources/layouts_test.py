"""Finding the source of a folder, and what a folder that has none holds."""

import sys

import pytest

from tests import archives, contest_archives
from tests.tfrecords import conversions, data_sets
from tfrecords import errors
from tfrecords.sources import folder_contents, layouts

ROWS = {"train": [("n01440764_1.JPEG", 0, b"x")]}


def touch(*names):
    """A writer of empty files."""

    def write(directory):
        for name in names:
            archives.write_file(directory, name, b"")

    return write


def write_zip(directory):
    archives.write_folder(directory.parent / "in", {"cat": 1})
    directory.mkdir()
    data_sets.pack_zip(directory / "images.zip", directory.parent / "in")


WRITERS = {
    "ilsvrc2012": lambda path: archives.write_ilsvrc2012(path, layout="kaggle"),
    "ilsvrc2010": contest_archives.write_ilsvrc2010,
    "imagenet_fall2011": touch("fall11_whole.tar"),
    "imagenet_fall2009": touch("fall09_whole.tar"),
    "cifar10": touch("cifar-10-python.tar.gz"),
    "tiny_imagenet": lambda path: data_sets.write_tiny_imagenet(path, ROWS),
    "tfds": touch("imagenet2012-train.tfrecord-00000-of-01024", "features.json"),
    "parquet": touch("train-00000-of-00005-0123456789abcdef.parquet"),
    "webdataset": touch("train-000000.tar", "val-000000.tar"),
    "imagefolder": lambda path: data_sets.write_imagefolder(path, ROWS),
    "archive": write_zip,
    "folder": lambda path: archives.write_folder(path, {"cat": 1, "train": 1}),
}


@pytest.mark.parametrize("name", layouts.DESCRIPTIONS)
def test_each_layout_is_found(tmp_path, name):
    WRITERS[name](tmp_path / "data")
    assert layouts.detect(str(tmp_path / "data")) == name


def test_other_forms_are_found(tmp_path):
    write_archives = archives.write_ilsvrc2012
    write_archives(tmp_path / "a")
    assert layouts.detect(str(tmp_path / "a")) == "ilsvrc2012"
    archives.write_folder(tmp_path / "b" / "train", {"cat": 1})
    archives.write_folder(tmp_path / "b" / "val", {"cat": 1})
    assert layouts.detect(str(tmp_path / "b")) == "folder"
    data_sets.write_tar(tmp_path, "c.tar", [("cat/1.jpg", b"x")])
    assert layouts.detect(str(tmp_path / "c.tar")) == "archive"
    touch("train-00000-of-00001.parquet")(tmp_path / "d" / "data")
    assert layouts.detect(str(tmp_path / "d")) == "parquet"


def test_two_layouts_are_refused(tmp_path):
    touch("train-000000.tar", "train-00000-of-00001.parquet")(tmp_path)
    with pytest.raises(errors.UserError, match="as parquet and as webdataset"):
        layouts.detect(str(tmp_path))


def test_an_unknown_layout_says_what_is_there_and_what_is_read(tmp_path):
    touch(*(f"{i}.avi" for i in range(12)), "a.txt")(tmp_path)
    with pytest.raises(errors.UserError) as caught:
        layouts.detect(str(tmp_path))
    text = str(caught.value)
    assert f"{tmp_path} is no data set" in text
    assert "holds 12 .avi files and 1 .txt file. " in text
    for name, description in layouts.DESCRIPTIONS.items():
        assert f"{name}: {description}" in text
    with pytest.raises(errors.UserError, match="no folder"):
        layouts.detect(str(tmp_path / "absent"))
    with pytest.raises(errors.UserError, match="no data set"):
        layouts.detect(str(tmp_path / "a.txt"))


def test_contents_are_counted_by_suffix(tmp_path):
    assert folder_contents.describe(str(tmp_path)) == "nothing"
    touch("a.JPG", "b.jpg", "c", ".hidden", *(f"x.{i}" for i in "12345"))(tmp_path)
    for name in "abcde":
        (tmp_path / f"folder_{name}").mkdir()
    text = folder_contents.describe(str(tmp_path))
    assert text.startswith("2 .jpg files, ")
    assert text.endswith(
        "further files and 5 folders (folder_a, folder_b, folder_c, folder_d, ...)"
    )


def write_archive(directory, splits):
    for split, rows in splits.items():
        for name, label, image in rows:
            folder = directory.parent / "in" / split / data_sets.CLASSES[label]
            archives.write_file(folder, name, image)
    directory.mkdir()
    data_sets.pack_zip(directory / "images.zip", directory.parent / "in")


# That of TensorFlow Datasets is in tfds_test, which has loaded TensorFlow.
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("parquet", data_sets.write_parquet),
        ("webdataset", data_sets.write_webdataset),
        ("imagefolder", data_sets.write_imagefolder),
        ("tiny_imagenet", data_sets.write_tiny_imagenet),
        ("archive", write_archive),
    ],
)
def test_each_is_converted_with_rejects_and_resumed(tmp_path, commands, name, write):
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    write(tmp_path / "data", conversions.make_splits())
    conversions.check_source(tmp_path, commands, name)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
