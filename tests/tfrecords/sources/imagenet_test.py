"""Whole releases of ImageNet as sources."""

import collections
import dataclasses
import os
import sys

import pytest

from tests import archives, contest_archives
from tfrecords import errors
from tfrecords.sources import imagenet

COUNTS = {"n02979186": 1, "n01440764": 7, "n02102040": 4}


def list_split(source, split):
    table = source.splits[split]
    return {
        bytes(table.filenames[row]).decode(): (
            source.classes[table.labels[row]].synset,
            source.read_image(split, row),
        )
        for row in range(table.num_images)
    }


def expect(images):
    return {name: (name[:9], image) for name, image in images.items()}


def open_fall2009(directory, **arguments):
    return imagenet.open_imagenet(str(directory), imagenet.FALL2009, **arguments)


def test_fall_2011_is_all_for_training(tmp_path):
    images = contest_archives.write_imagenet(tmp_path, COUNTS)
    source = imagenet.open_imagenet(str(tmp_path), imagenet.FALL2011)
    assert source.name == "imagenet_fall2011"
    assert [c.synset for c in source.classes] == sorted(COUNTS)
    assert set(source.splits) == {"train"}
    assert list_split(source, "train") == expect(images)
    assert source.settings == {}
    text = " ".join(source.remarks)
    assert "3 classes, 12 images; officially 21,841 or 21,843" in text
    assert "14,197,122" in text and "no validation split" in text


def test_fall_2009_is_half_for_training_and_half_for_test(tmp_path):
    images = contest_archives.write_imagenet(tmp_path, COUNTS, "fall09_whole.tar")
    source = open_fall2009(tmp_path, seed=3)
    train, test = (list_split(source, split) for split in ("train", "test"))
    assert train | test == expect(images) and not train.keys() & test.keys()
    # Rounded down, so that a class of one image has it for training.
    counts = collections.Counter(name[:9] for name in test)
    assert counts == {"n01440764": 3, "n02102040": 2}
    assert source.settings == {"test_fraction": 0.5, "seed": 3}
    assert any("officially 10,184 classes." in remark for remark in source.remarks)
    again, other = open_fall2009(tmp_path, seed=3), open_fall2009(tmp_path, seed=4)
    assert list_split(again, "test") == test
    assert list_split(other, "test") != test


def test_the_division_of_a_class_does_not_depend_on_the_others(tmp_path):
    contest_archives.write_imagenet(tmp_path / "a", COUNTS)
    contest_archives.write_imagenet(tmp_path / "b", {"n01440764": 7, "n00004475": 9})
    of_class = [
        {
            name
            for name in list_split(open_fall2009(tmp_path / d), "test")
            if "0764" in name
        }
        for d in "ab"
    ]
    assert of_class[0] == of_class[1] and len(of_class[0]) == 3


def test_validation_images_are_not_test_images(tmp_path):
    images = contest_archives.write_imagenet(
        tmp_path, {"n01440764": 12, "n02102040": 1}
    )
    without = list_split(open_fall2009(tmp_path), "test")
    source = open_fall2009(tmp_path, validation_fraction=0.5)
    parts = {split: list_split(source, split) for split in source.splits}
    assert {split: len(part) for split, part in parts.items()} == {
        "train": 4,
        "test": 6,
        "validation": 3,
    }
    assert parts["test"] == without
    assert collections.ChainMap(*parts.values()) == expect(images)
    assert source.settings["validation_fraction"] == 0.5
    # Not even 0.99 takes a class's last training image.
    whole = imagenet.open_imagenet(
        str(tmp_path), imagenet.FALL2011, validation_fraction=0.99
    )
    assert {len(list_split(whole, s)) for s in ("train", "validation")} == {2, 11}


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1])
def test_a_fraction_out_of_range_is_refused(tmp_path, fraction):
    with pytest.raises(errors.UserError, match=rf"{fraction}.*between 0 and 1"):
        open_fall2009(tmp_path, validation_fraction=fraction)


def test_the_only_tar_is_read_whatever_its_name(tmp_path):
    images = contest_archives.write_imagenet(tmp_path, COUNTS, "imagenet10k.tar")
    source = open_fall2009(tmp_path)
    assert sum(table.num_images for table in source.splits.values()) == len(images)
    assert source.inputs[0].name == "imagenet10k.tar"
    contest_archives.write_imagenet(tmp_path, COUNTS, "other.tar")
    with pytest.raises(errors.UserError, match=r"fall09_whole\.tar.* 2 others"):
        open_fall2009(tmp_path)


def test_a_missing_archive_or_folder_is_named(tmp_path):
    with pytest.raises(errors.UserError, match=r"no file fall09_whole\.tar"):
        open_fall2009(tmp_path)
    with pytest.raises(errors.UserError, match="There is no folder"):
        open_fall2009(tmp_path / "absent")


def test_synsets_without_images_are_left_out_and_counted(tmp_path):
    images = contest_archives.write_imagenet(tmp_path, COUNTS)
    inner = [
        (f"{s}.tar", archives.make_tar([i for i in images.items() if i[0][:9] == s]))
        for s in (*COUNTS, "n00004475")
    ]
    archives.write_file(tmp_path, "fall11_whole.tar", archives.make_tar(inner))
    source = imagenet.open_imagenet(str(tmp_path), imagenet.FALL2011)
    assert [c.synset for c in source.classes] == sorted(COUNTS)
    assert list_split(source, "train") == expect(images)
    assert any(r.startswith("1 synsets") and "n00004475" in r for r in source.remarks)
    archives.write_file(tmp_path, "fall11_whole.tar", archives.make_tar(inner[-1:]))
    with pytest.raises(errors.DataError, match="no archive of a synset with images"):
        imagenet.open_imagenet(str(tmp_path), imagenet.FALL2011)


def test_a_cut_archive_is_refused(tmp_path):
    contest_archives.write_imagenet(tmp_path, COUNTS)
    os.truncate(tmp_path / "fall11_whole.tar", 9000)
    with pytest.raises(errors.DataError, match=r"fall11_whole\.tar"):
        imagenet.open_imagenet(str(tmp_path), imagenet.FALL2011)


@pytest.mark.parametrize("num_classes", imagenet.FALL2011.num_classes)
def test_official_counts_are_not_remarked_upon(num_classes):
    num_images = imagenet.FALL2011.num_images
    assert imagenet.FALL2011.compare(num_classes, num_images) == []
    assert imagenet.FALL2011.compare(num_classes, num_images - 1)
    assert imagenet.FALL2011.compare(num_classes + 1, num_images)
    assert imagenet.FALL2009.compare(10_184, 8_900_000) == []
    small = dataclasses.replace(imagenet.FALL2009, num_classes=(3,))
    assert small.compare(3, 1) == []


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
