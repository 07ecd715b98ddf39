"""Kaggle's layout: validation images flat, sorted into class folders, or both."""

import os
import shutil
import sys

import pytest

from tests import archives
from tests.tfrecords.sources.ilsvrc_archives import open_source
from tfrecords import errors
from tfrecords.conversion import plan

IMAGES = "ILSVRC/Data/CLS-LOC"
TRUTH = "LOC_val_solution.csv"


def sort_validation(directory, written, names=None):
    """Moves validation images into class folders, as ImageFolder users do."""
    synsets = sorted({name[:9] for name in written.train})
    for name in names or written.validation:
        folder = directory / IMAGES / "val" / synsets[written.validation_labels[name]]
        folder.mkdir(exist_ok=True)
        os.rename(directory / IMAGES / "val" / name, folder / name)


def list_validation(source):
    table = source.splits["validation"]
    return [
        (name.decode(), label, source.read_image("validation", row))
        for row, (name, label) in enumerate(
            zip(table.filenames.tolist(), table.labels.tolist(), strict=True)
        )
    ]


@pytest.mark.parametrize("how", ["sorted", "partly", "without the table"])
def test_class_folders_give_the_same_split_as_flat_files(tmp_path, how):
    written = archives.write_ilsvrc2012(tmp_path, layout="kaggle")
    flat = open_source(tmp_path)
    expected, settings = list_validation(flat), plan.ConvertSettings()
    assert len(expected) == 6
    names = sorted(written.validation)
    sort_validation(tmp_path, written, names[:4] if how == "partly" else None)
    if how == "without the table":
        os.remove(tmp_path / TRUTH)
    found = open_source(tmp_path)
    assert list_validation(found) == expected
    # A conversion that was begun before the images were sorted goes on.
    assert plan.make_plan(found, settings).description == (
        plan.make_plan(flat, settings).description
    )
    new = set(found.remarks) - set(flat.remarks)
    assert len(new) == (how == "without the table")
    assert all(TRUTH in remark for remark in new)


def test_an_image_in_the_folder_of_another_class_is_refused(tmp_path):
    written = archives.write_ilsvrc2012(tmp_path, layout="kaggle")
    sort_validation(tmp_path, written)
    name = "ILSVRC2012_val_00000001.JPEG"
    label = written.validation_labels[name]
    source, target = (archives.SYNSETS[n] for n in (label, (label + 1) % 3))
    directory = tmp_path / IMAGES / "val"
    os.rename(directory / source / name, directory / target / name)
    with pytest.raises(errors.DataError, match=f"{name}.*{target}.*{source}"):
        open_source(tmp_path)


def test_a_link_to_another_class_is_not_read_as_a_class(tmp_path):
    written = archives.write_ilsvrc2012(tmp_path, layout="kaggle")
    sort_validation(tmp_path, written)
    os.remove(tmp_path / TRUTH)
    first, second = (tmp_path / IMAGES / "val" / s for s in archives.SYNSETS[:2])
    shutil.rmtree(second)
    second.symlink_to(first)
    labels = [label for _, label, _ in list_validation(open_source(tmp_path))]
    assert len(labels) == 4 and labels.count(0) == 2 and 1 not in labels


def test_an_image_that_is_there_twice_is_refused(tmp_path):
    written = archives.write_ilsvrc2012(tmp_path, layout="kaggle")
    name = "ILSVRC2012_val_00000001.JPEG"
    data = written.validation[name]
    sort_validation(tmp_path, written)
    archives.write_file(tmp_path / IMAGES / "val", name, data)
    with pytest.raises(errors.DataError, match=f"Two images .* {name}"):
        open_source(tmp_path)


def test_folders_of_other_classes_are_left_out_and_counted(tmp_path):
    written = archives.write_ilsvrc2012(
        tmp_path, validation_classes=archives.SYNSETS[:3], layout="kaggle"
    )
    sort_validation(tmp_path, written)
    shutil.rmtree(tmp_path / IMAGES / "train" / archives.SYNSETS[0])
    source = open_source(tmp_path)
    assert source.splits["validation"].num_images == 4
    assert any(r.startswith("2 validation images of") for r in source.remarks)


@pytest.mark.parametrize("contents", [[], ["dog/1.jpg"], ["n01440764/x.png", "y.JPEG"]])
def test_a_validation_folder_without_its_images_is_refused(tmp_path, contents):
    archives.write_ilsvrc2012(tmp_path, layout="kaggle")
    directory = tmp_path / IMAGES / "val"
    shutil.rmtree(directory)
    directory.mkdir()
    for name in contents:
        archives.write_file(
            os.path.dirname(directory / name), os.path.basename(name), b""
        )
    with pytest.raises(errors.UserError, match="val has no image") as e:
        open_source(tmp_path)
    assert e.value.exit_code == 2


def test_other_files_and_folders_are_counted(tmp_path):
    written = archives.write_ilsvrc2012(tmp_path, layout="kaggle")
    train, validation = (tmp_path / IMAGES / split for split in ("train", "val"))
    sort_validation(tmp_path, written)
    for path in (
        train / "n01440764" / "n02102040_1.JPEG",
        train / "n01440764" / ".hidden",
        train / "dogs" / "1.JPEG",
        validation / "n01440764" / "1.JPEG",
        validation / "valprep.sh",
        validation / ".hidden" / "1.JPEG",
    ):
        archives.write_file(path.parent, path.name, b"")
    source = open_source(tmp_path)
    assert source.splits["train"].num_images == 12
    assert source.splits["validation"].num_images == 6
    assert any(r.startswith("4 files or folders with other n") for r in source.remarks)
    shutil.rmtree(validation)
    assert any("no validation split" in r for r in open_source(tmp_path).remarks)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
