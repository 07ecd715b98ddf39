"""ILSVRC-2010, and the test images of both years."""

import dataclasses
import os
import shutil
import sys

import numpy as np
import pytest

from tests import archives, contest_archives
from tfrecords import errors
from tfrecords.conversion import source_report
from tfrecords.sources.ilsvrc import official, release

DATA = os.environ.get("ALEXNET_TEST_DATA")
DEVKIT = "ILSVRC2010_devkit-1.0.tar.gz"
TRUTH = "ILSVRC2010_test_ground_truth.txt"
SYNSETS = archives.SYNSETS


def list_split(source, split):
    """The synset of each image by name; "" without a label."""
    table = source.splits[split]
    return {
        bytes(name).decode(): source.classes[label].synset if label >= 0 else ""
        for name, label in zip(table.filenames, table.labels, strict=True)
    }


def test_ilsvrc2010_has_three_labelled_splits(tmp_path):
    written = contest_archives.write_ilsvrc2010(tmp_path)
    source = official.open_ilsvrc2010(str(tmp_path))
    assert source.name == "ilsvrc2010"
    assert {split: list_split(source, split) for split in source.splits} == written
    assert source.classes[0].text == archives.WORDS[SYNSETS[0]]
    for split, table in source.splits.items():
        images = contest_archives.make_images(written[split])
        for row, name in enumerate(table.filenames):
            assert source.read_image(split, row) == images[bytes(name).decode()]


def test_costs_follow_the_labels(tmp_path):
    # Without the second class, labels and numbers go different ways.
    classes = (SYNSETS[3], SYNSETS[0], SYNSETS[2])
    contest_archives.write_ilsvrc2010(tmp_path, classes=classes)
    source = official.open_ilsvrc2010(str(tmp_path))
    contest = source.contest
    assert contest.ids.tolist() == [4, 2, 1]
    by_number = contest_archives.make_costs()
    for label, info in enumerate(source.classes):
        for answer, other in enumerate(source.classes):
            place = (
                contest_archives.get_number(other.synset) - 1,
                contest_archives.get_number(info.synset) - 1,
            )
            assert contest.costs[answer, label] == by_number[place]


def test_test_images_of_other_classes_are_left_out_and_counted(tmp_path):
    written = contest_archives.write_ilsvrc2010(tmp_path, classes=SYNSETS[:2])
    source = official.open_ilsvrc2010(str(tmp_path))
    assert list_split(source, "test") == {
        name: synset
        for name, synset in written["test"].items()
        if synset in SYNSETS[:2]
    }
    text = " ".join(source.remarks)
    assert "4 test images of classes without training images" in text
    assert "8 test images; officially 150,000" in text


def test_without_the_ground_truth_the_test_split_has_no_labels(tmp_path):
    written = contest_archives.write_ilsvrc2010(tmp_path)
    os.remove(tmp_path / TRUTH)
    source = official.open_ilsvrc2010(str(tmp_path))
    assert list_split(source, "test") == dict.fromkeys(written["test"], "")
    assert any(TRUTH in remark for remark in source.remarks)


def test_without_a_test_archive_there_is_no_test_split(tmp_path):
    contest_archives.write_ilsvrc2010(tmp_path)
    os.remove(tmp_path / "ILSVRC2010_images_test.tar")
    source = official.open_ilsvrc2010(str(tmp_path))
    assert set(source.splits) == {"train", "validation"}
    assert TRUTH not in [file.name for file in source.inputs]


def test_strict_passes_where_all_counts_are_official(tmp_path, monkeypatch):
    contest_archives.write_ilsvrc2010(tmp_path)
    counts = {"train": 12, "validation": 8, "test": 8}
    small = dataclasses.replace(release.ILSVRC2010, num_classes=4, num_images=counts)
    monkeypatch.setattr(official, "ILSVRC2010", small)
    source = official.open_ilsvrc2010(str(tmp_path))
    assert source_report.find_notes(source) == []
    # The sums of these archives are not known.
    assert {file.official for file in source.inputs} == {None}
    changed = dataclasses.replace(small, num_images={**counts, "test": 9})
    monkeypatch.setattr(official, "ILSVRC2010", changed)
    with pytest.raises(errors.UserError, match="officially 9"):
        source_report.refuse_notes(official.open_ilsvrc2010(str(tmp_path)))


@pytest.mark.parametrize(
    ("costs", "named"),
    [(np.zeros((3, 3), np.uint8), r"\(3, 3\)"), (np.zeros((4, 4)), "float64")],
)
def test_a_wrong_cost_matrix_is_refused(tmp_path, costs, named):
    contest_archives.write_ilsvrc2010(tmp_path, costs=costs)
    with pytest.raises(errors.DataError, match=f"cost_matrix.*{named}"):
        official.open_ilsvrc2010(str(tmp_path))


@pytest.mark.parametrize(
    ("contents", "named"), [(b"1\n2\nx\n", "line 3"), (b"1\n2\n5\n", "line 3")]
)
def test_a_wrong_ground_truth_is_refused(tmp_path, contents, named):
    contest_archives.write_ilsvrc2010(tmp_path)
    archives.write_file(tmp_path, TRUTH, contents)
    with pytest.raises(errors.DataError, match=rf"{TRUTH}.*{named}"):
        official.open_ilsvrc2010(str(tmp_path))


def test_a_test_image_without_a_line_of_ground_truth_is_refused(tmp_path):
    contest_archives.write_ilsvrc2010(tmp_path)
    archives.write_file(tmp_path, TRUTH, b"1\n2\n")
    with pytest.raises(errors.DataError, match=f"test_0000000.*{TRUTH}.* 2 lines"):
        official.open_ilsvrc2010(str(tmp_path))


@pytest.mark.parametrize("name", release.ILSVRC2012.test_names)
def test_the_test_images_of_2012_have_no_labels(tmp_path, name):
    archives.write_ilsvrc2012(tmp_path)
    images = contest_archives.write_test_images(tmp_path, name=name)
    source = official.open_ilsvrc2012(str(tmp_path))
    assert list_split(source, "test") == dict.fromkeys(images, "")
    assert not source.splits["test"].is_labelled
    assert source.splits["validation"].is_labelled
    for row, image_name in enumerate(source.splits["test"].filenames):
        image = images[bytes(image_name).decode()]
        assert source.read_image("test", row) == image
    assert source.contest.costs is None
    assert source.contest.ids.tolist() == [4, 3, 2]
    lines = source_report.describe_source(source)
    assert "test: 5 images without labels" in lines
    assert any("5 test images; officially 100,000" in line for line in lines)


def test_the_newer_of_two_test_archives_is_read(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    newer, older = release.ILSVRC2012.test_names
    contest_archives.write_test_images(tmp_path, 5, newer)
    contest_archives.write_test_images(tmp_path, 3, older)
    source = official.open_ilsvrc2012(str(tmp_path))
    assert source.splits["test"].num_images == 5
    assert newer in [file.name for file in source.inputs]


@pytest.mark.parametrize("year", [2010, 2012])
def test_the_other_years_devkit_is_refused_by_its_contents(tmp_path, year):
    archives.write_ilsvrc2012(tmp_path / "2012")
    contest_archives.write_ilsvrc2010(tmp_path / "2010")
    kits = {2010: DEVKIT, 2012: release.ILSVRC2012.devkit_name}
    other = 4022 - year
    kit = tmp_path / str(year) / kits[year]
    shutil.copyfile(tmp_path / str(other) / kits[other], kit)
    open_source = getattr(official, f"open_ilsvrc{year}")
    with pytest.raises(errors.UserError, match=f"ILSVRC-{other}.* {kits[year]}"):
        open_source(str(kit.parent))


def test_the_other_years_archives_are_refused_by_their_names(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    with pytest.raises(errors.UserError, match=f"ILSVRC-2012.* {DEVKIT}"):
        official.open_ilsvrc2010(str(tmp_path))
    contest_archives.write_ilsvrc2010(tmp_path / "2010")
    with pytest.raises(errors.UserError, match=r"ILSVRC-2010.*ILSVRC2012_devkit"):
        official.open_ilsvrc2012(str(tmp_path / "2010"))


def test_test_images_need_the_devkit(tmp_path):
    archives.write_ilsvrc2012(tmp_path)
    contest_archives.write_test_images(tmp_path)
    os.remove(tmp_path / "ILSVRC2012_img_val.tar")
    os.remove(tmp_path / release.ILSVRC2012.devkit_name)
    with pytest.raises(errors.UserError, match=release.ILSVRC2012.devkit_name):
        official.open_ilsvrc2012(str(tmp_path))


@pytest.mark.skipif(DATA is None, reason="ALEXNET_TEST_DATA is not set")
def test_the_real_devkit_of_2010(tmp_path):
    from tfrecords.sources.ilsvrc import devkit

    path = os.path.join(DATA, "ilsvrc2010", DEVKIT)
    kit = devkit.read_devkit(path, release.ILSVRC2010)
    assert len(kit.numbers) == 1000 and len(kit.words) == 1676
    assert kit.numbers["n07711080"] == 1
    assert (
        np.bincount([*map(kit.numbers.get, kit.validation_synsets)])[1:].tolist()
        == [50] * 1000
    )
    assert kit.costs.shape == (1000, 1000)
    assert kit.costs.max() == 18 and not np.diagonal(kit.costs).any()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
