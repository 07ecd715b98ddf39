"""`contest.npz`, and splits without labels, from the conversion to the manifest."""

import dataclasses
import os
import sys

import numpy as np
import pytest

from tests import archives, contest_archives, data_directories
from tfrecords import errors
from tfrecords.conversion import convert
from tfrecords.shards import contest, manifest, record_file, record_index, schema
from tfrecords.sources.ilsvrc import official

SETTINGS = convert.ConvertSettings(image_size=16, encoding="raw")


@pytest.fixture
def data_dir(tmp_path):
    """An ILSVRC-2012 of three classes with five test images."""
    archives.write_ilsvrc2012(tmp_path / "archives")
    contest_archives.write_test_images(tmp_path / "archives")
    source = official.open_ilsvrc2012(str(tmp_path / "archives"))
    convert.convert(source, str(tmp_path / "data"), SETTINGS, num_workers=1)
    return str(tmp_path / "data")


def test_the_test_images_are_stored_without_labels(data_dir):
    info = manifest.read_manifest(data_dir)
    assert info.splits["test"].class_counts == (0, 0, 0)
    assert not info.splits["test"].is_labelled
    assert info.splits["validation"].is_labelled
    index = record_index.read_index(data_dir, info, "test")
    records = [schema.decode_record(r) for _, r in record_file.scan(index.paths[0])]
    assert {r.label for r in records} == {schema.NO_LABEL}
    assert {(r.synset, r.text) for r in records} == {("", "")}
    assert sorted(r.filename for r in records) == [
        f"ILSVRC2012_test_{i + 1:08}.JPEG" for i in range(5)
    ]


def test_the_numbers_are_those_of_the_development_kit(data_dir):
    info = manifest.read_manifest(data_dir)
    found = contest.read(data_dir, info)
    assert found.ids.tolist() == [
        contest_archives.get_number(c.synset) for c in info.classes
    ]
    assert found.costs is None


def test_costs_survive(tmp_path):
    contest_archives.write_ilsvrc2010(tmp_path / "archives")
    source = official.open_ilsvrc2010(str(tmp_path / "archives"))
    info = convert.convert(source, str(tmp_path / "data"), SETTINGS, num_workers=1)
    found = contest.read(str(tmp_path / "data"), info)
    assert np.array_equal(found.costs, source.contest.costs)
    assert info.splits["test"].class_counts == (2, 2, 2, 2)


def test_a_directory_without_the_file_has_no_contest(tmp_path):
    info = data_directories.write_data_directory(tmp_path)
    assert contest.read(str(tmp_path), info) is None


def test_the_fingerprint_is_that_of_a_directory_without_the_file(data_dir):
    info = manifest.read_manifest(data_dir)
    checksums = {k: v for k, v in info.checksums.items() if k != manifest.CONTEST_NAME}
    assert len(checksums) == 2
    assert dataclasses.replace(info, checksums=checksums).fingerprint == (
        info.fingerprint
    )


def test_damage_is_noticed(data_dir):
    info = manifest.read_manifest(data_dir)
    path = os.path.join(data_dir, manifest.CONTEST_NAME)
    contest.write(data_dir, contest.Contest(np.arange(2, dtype=np.int32)))
    with pytest.raises(errors.DataError, match=f"{path}.*SHA-256"):
        contest.read(data_dir, info)
    checksums = info.checksums | {
        manifest.CONTEST_NAME: data_directories.files.compute_digest(path)
    }
    with pytest.raises(errors.DataError, match=f"{path}.* 3 classes"):
        contest.read(data_dir, dataclasses.replace(info, checksums=checksums))
    os.remove(path)
    with pytest.raises(errors.DataError, match=f"{path} is missing"):
        contest.read(data_dir, info)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
