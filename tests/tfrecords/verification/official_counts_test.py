"""The notes of alexnet-verify about official counts."""

import dataclasses
import sys

import pytest

from tests import archives, contest_archives, data_directories
from tfrecords.conversion import convert
from tfrecords.shards import contest, manifest, schema
from tfrecords.sources import imagenet
from tfrecords.sources.ilsvrc import official
from tfrecords.verification import official_counts, verify

SETTINGS = convert.ConvertSettings(image_size=16, encoding="raw")


def make_contents(source, num_classes, rejects=(), inputs=(), **num_images):
    """A manifest with these counts."""
    counts = (0,) * (num_classes - 1)
    return manifest.Manifest(
        source=source,
        image_size=256,
        encoding="jpeg",
        label_offset=0,
        records_dir=".",
        settings={},
        classes=data_directories.make_classes(num_classes),
        splits={
            split: manifest.SplitInfo(
                (manifest.ShardInfo(split, count, 0, ""),), (count, *counts)
            )
            for split, count in num_images.items()
        },
        rejects=rejects,
        inputs=inputs,
        checksums={},
    )


OFFICIAL = [
    ("ilsvrc2010", 1000, {"train": 1_261_406, "validation": 50_000, "test": 150_000}),
    ("ilsvrc2012", 1000, {"train": 1_281_167, "validation": 50_000, "test": 100_000}),
    ("ilsvrc2012", 1000, {"train": 1_281_167, "validation": 50_000}),
    ("imagenet_fall2011", 21_841, {"train": 14_000_000, "validation": 197_122}),
    ("imagenet_fall2011", 21_843, {"train": 14_197_122}),
    ("imagenet_fall2009", 10_184, {"train": 4_500_000, "test": 4_400_000}),
    ("cifar10", 10, {"train": 50_000, "validation": 10_000}),
    ("folder", 3, {"train": 12}),
]


@pytest.mark.parametrize(("source", "num_classes", "num_images"), OFFICIAL)
def test_official_counts_give_no_note(source, num_classes, num_images):
    contents = make_contents(source, num_classes, **num_images)
    assert official_counts.compare(contents) == []
    # A rejected image was there.
    num_images = {**num_images, "train": num_images["train"] - 1}
    rejects = (manifest.Reject("train", "a", "b"),)
    contents = make_contents(source, num_classes, rejects, **num_images)
    assert official_counts.compare(contents) == []


@pytest.mark.parametrize(("source", "num_classes", "num_images"), OFFICIAL[:-1])
def test_other_counts_are_named(source, num_classes, num_images):
    (note,) = official_counts.compare(
        make_contents(source, num_classes + 1, **num_images)
    )
    assert f"{num_classes + 1:,}" in note or str(num_classes + 1) in note
    for split, count in num_images.items():
        if source == "imagenet_fall2009":
            continue  # its number of images was published only roughly
        changed = {**num_images, split: count + 1}
        (note,) = official_counts.compare(make_contents(source, num_classes, **changed))
        shown = sum(changed.values()) if "imagenet" in source else count + 1
        assert f"{shown:,}" in note


def test_unofficial_files_are_named():
    inputs = (
        manifest.InputFile("a.tar", 3, None, None),
        manifest.InputFile("b.tar", 3, "0", False),
        manifest.InputFile("c.tar", 3, "1", True),
    )
    (note,) = official_counts.compare(make_contents("folder", 2, (), inputs, train=1))
    assert "b.tar" in note


def test_subsets_are_sound_and_noted(tmp_path):
    archives.write_ilsvrc2012(tmp_path / "2012")
    contest_archives.write_test_images(tmp_path / "2012")
    contest_archives.write_ilsvrc2010(tmp_path / "2010")
    contest_archives.write_imagenet(tmp_path / "fall", {"n01440764": 7, "n02102040": 4})
    sources = {
        "2012": official.open_ilsvrc2012(str(tmp_path / "2012")),
        "2010": official.open_ilsvrc2010(str(tmp_path / "2010")),
        "fall": imagenet.open_imagenet(str(tmp_path / "fall"), imagenet.FALL2009),
    }
    numbers = {"2012": "100,000", "2010": "150,000", "fall": "10,184"}
    for name, source in sources.items():
        data_dir = str(tmp_path / f"{name}_data")
        convert.convert(source, data_dir, SETTINGS, num_workers=1)
        report = verify.verify(data_dir, num_workers=1)
        assert report.problems == ()
        assert any(numbers[name] in note for note in report.notes)


def test_damage_of_contest_and_test_split_is_a_problem(tmp_path):
    archives.write_ilsvrc2012(tmp_path / "archives")
    contest_archives.write_test_images(tmp_path / "archives")
    source = official.open_ilsvrc2012(str(tmp_path / "archives"))
    table = source.splits["test"]
    data_dir = str(tmp_path / "data")
    info = convert.convert(source, data_dir, SETTINGS, num_workers=1)
    # Records with a label in a split without labels.
    counts = info.splits["validation"]
    emptied = dataclasses.replace(counts, class_counts=(0, 0, 0))
    manifest.write_manifest(
        data_dir,
        dataclasses.replace(info, splits={**info.splits, "validation": emptied}),
    )
    problems = verify.verify(data_dir, num_workers=1).problems
    assert sum("has no labels" in problem for problem in problems) == counts.num_records
    assert table.num_images == 5 and set(table.labels) == {schema.NO_LABEL}
    manifest.write_manifest(data_dir, info)
    contest.write(data_dir, contest.Contest(source.contest.ids[::-1]))
    (problem,) = verify.verify(data_dir, num_workers=1).problems
    assert manifest.CONTEST_NAME in problem


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
