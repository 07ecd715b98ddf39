"""Faults of a whole data directory are found and named; sound data pass."""

import os
import shutil
import sys

import numpy as np
import pytest

from tests import data_directories
from tests.tfrecords.damaged_directories import (
    change_manifest,
    check,
    read_shard,
    rewrite,
    run,
    shard_path,
)
from tfrecords import errors
from tfrecords.durable import npz
from tfrecords.shards import manifest, schema, statistics
from tfrecords.verification import index, verify


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound")
    data_directories.write_data_directory(path, per_class=3)
    return str(path)


@pytest.fixture
def data_dir(sound, tmp_path):
    return shutil.copytree(sound, str(tmp_path / "data"))


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
@pytest.mark.parametrize("num_workers", [1, 2])
def test_sound_data_pass(tmp_path, encoding, num_workers):
    data_directories.write_data_directory(
        tmp_path,
        per_class={"train": 3, "validation": 2, "test": 1},
        encoding=encoding,
        num_shards=2,
    )
    report = run(str(tmp_path), num_workers)
    assert report.problems == ()
    assert report.num_records == 12
    assert report.num_bytes == sum(p.stat().st_size for p in tmp_path.glob("*-of-*"))


def test_a_split_without_images_in_a_shard_passes(tmp_path):
    data_directories.write_data_directory(
        tmp_path, per_class={"train": 1, "validation": 0}, num_shards=4
    )
    assert run(str(tmp_path)).problems == ()


def test_other_programs_shards_pass(tmp_path):
    data_directories.write_foreign_shards(tmp_path / "records")
    index.index_records(str(tmp_path / "records"), str(tmp_path / "data"), 1, 1)
    assert run(str(tmp_path / "data")).problems == ()


def test_progress_and_counts_with_two_workers_and_a_fault(data_dir, capsys):
    os.unlink(shard_path(data_dir))
    report = verify.verify(data_dir, 2)
    assert report.num_problems == 1
    assert report.num_records == 9
    assert "verifying: 9 records in" in capsys.readouterr().err


def test_a_missing_shard(data_dir):
    os.unlink(shard_path(data_dir))
    check(data_dir, f"{shard_path(data_dir)}: the shard is missing")


def test_an_extra_shard(data_dir):
    extra = os.path.join(data_dir, "test-00000-of-00001")
    shutil.copy(shard_path(data_dir), extra)
    check(data_dir, f"{extra}: the manifest does not name this shard")


def test_a_renamed_shard(data_dir):
    renamed = os.path.join(data_dir, "train-00002-of-00002")
    os.rename(shard_path(data_dir), renamed)
    check(data_dir, "the shard is missing", f"{renamed}: the manifest does not")


def test_a_record_that_another_shard_has_too(data_dir):
    records = read_shard(shard_path(data_dir, 1))
    other = read_shard(shard_path(data_dir, 0))
    rewrite(data_dir, 1, [other[2], *records[1:]])
    report = run(data_dir)
    assert any(
        line.startswith(f"{shard_path(data_dir, 1)}: record 0 has the filename of")
        and "record 2 of train-00000-of-00002" in line
        for line in report.problems
    )


def test_wrong_class_counts(data_dir):
    change_manifest(
        data_dir, lambda v: v["splits"]["train"].update(class_counts=[2, 4])
    )
    check(
        data_dir,
        "train: the class of label 0 has 3 records, the manifest says 2",
        "train: the class of label 1 has 3 records, the manifest says 4",
    )


def test_a_wrong_record_count(data_dir):
    def change(value):
        shards = value["splits"]["train"]["shards"]
        shards[0]["num_records"], shards[1]["num_records"] = 2, 4

    change_manifest(data_dir, change)
    report = run(data_dir)
    text = "\n".join(report.problems)
    assert "index.npz does not fit" in text
    assert "has 3 records, the manifest says 2" in text
    assert "has 3 records, the manifest says 4" in text


def test_shards_in_another_order(data_dir):
    change_manifest(data_dir, lambda v: v["splits"]["train"]["shards"].reverse())
    report = run(data_dir)
    assert any("not where the index says" in line for line in report.problems) or any(
        "does not fit" in line for line in report.problems
    )


def test_classes_swapped_and_a_class_renamed(data_dir):
    change_manifest(data_dir, lambda v: v["classes"].reverse())
    assert run(data_dir).num_problems == 12


def test_a_removed_split_leaves_shards_that_nobody_names(data_dir):
    change_manifest(data_dir, lambda v: v["splits"].pop("train"))
    text = "\n".join(run(data_dir).problems)
    assert "has no train split" in text
    assert f"{shard_path(data_dir)}: the manifest does not name this shard" in text


def test_a_changed_checksum_and_a_damaged_index(data_dir):
    change_manifest(
        data_dir, lambda v: v["splits"]["train"]["shards"][0].update(sha256="0" * 64)
    )
    check(data_dir, f"{shard_path(data_dir)}: its SHA-256")
    os.truncate(os.path.join(data_dir, manifest.INDEX_NAME), 300)
    check(data_dir, "its SHA-256", "index.npz is not the one")


def test_statistics_of_other_images(data_dir, tmp_path):
    other = str(tmp_path / "other")
    data_directories.write_data_directory(other, num_classes=5, per_class=2)
    shutil.copy(os.path.join(other, "statistics.npz"), data_dir)
    check(data_dir, "statistics.npz is not the one that the manifest names")
    change_manifest(
        data_dir,
        lambda v: v.update(checksums=data_directories.compute_checksums(data_dir)),
    )
    text = "\n".join(run(data_dir).problems)
    assert "counts 10 images, the train split 6" in text
    assert "mean_rgb differs by" in text
    assert "mean_image differs by" in text
    assert "covariance differs by" in text


@pytest.mark.parametrize(
    ("name", "change", "part"),
    [
        ("mean_rgb", lambda a: a + 0.01, "mean_rgb is not the mean of mean_image"),
        ("eigenvalues", lambda a: a * 1.01, "are not those of the covariance"),
        ("eigenvalues", lambda a: a[::-1], "not sorted"),
        ("eigenvectors", lambda a: a * 1.1, "not orthonormal"),
        ("mean_image", lambda a: a * np.nan, "not finite"),
        ("mean_image", lambda a: a[:-1], "mean_image has shape"),
    ],
)
def test_statistics_at_odds_with_themselves(data_dir, name, change, part):
    path = os.path.join(data_dir, manifest.STATISTICS_NAME)
    arrays = npz.load(path)
    arrays[name] = change(arrays[name])
    npz.save(path, arrays)
    change_manifest(
        data_dir,
        lambda v: v.update(checksums=data_directories.compute_checksums(data_dir)),
    )
    assert part in "\n".join(run(data_dir).problems)


def test_raw_statistics_must_be_exact(tmp_path):
    data_dir = str(tmp_path)
    data_directories.write_data_directory(tmp_path, per_class=3, encoding="raw")
    assert run(data_dir).problems == ()
    accumulator = statistics.Accumulator(256)
    for shard in range(2):
        for data in read_shard(shard_path(data_dir, shard)):
            pixels = np.frombuffer(schema.decode_record(data).image_bytes, np.uint8)
            image = pixels.reshape(256, 256, 3).copy()
            image[0, 0, 0] ^= 255
            accumulator.add(image)
    statistics.write_statistics(data_dir, accumulator.compute())
    change_manifest(
        data_dir,
        lambda v: v.update(checksums=data_directories.compute_checksums(data_dir)),
    )
    text = "\n".join(run(data_dir).problems)
    assert "mean_image differs" in text
    assert "(at most" in text


def test_missing_files_of_statistics_and_index(data_dir):
    os.unlink(os.path.join(data_dir, manifest.STATISTICS_NAME))
    os.unlink(os.path.join(data_dir, manifest.INDEX_NAME))
    check(data_dir, "statistics.npz is missing", "index.npz is missing")


def test_all_problems_are_counted_and_the_first_hundred_kept(tmp_path):
    data_dir = str(tmp_path)
    data_directories.write_data_directory(tmp_path, per_class=30, encoding="jpeg")
    change_manifest(data_dir, lambda v: v["classes"].reverse())
    report = run(data_dir)
    assert len(report.problems) == verify.MAX_PROBLEMS
    assert report.num_problems == 120


def test_no_data_directory_is_a_sentence(tmp_path):
    with pytest.raises(errors.UserError, match="there is no data directory"):
        run(str(tmp_path / "none"))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
