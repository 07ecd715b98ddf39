"""Faults inside a shard are found and named by shard, record and byte."""

import io
import os
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from tests import data_directories
from tests.tfrecords.damaged_directories import (
    change_record,
    check,
    read_shard,
    rewrite,
    run,
    shard_path,
)
from tfrecords.console import worker_pool
from tfrecords.shards import manifest, record_file
from tfrecords.verification import shard_check, verify


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound")
    data_directories.write_data_directory(path, per_class=3)
    return str(path)


@pytest.fixture
def data_dir(sound, tmp_path):
    return shutil.copytree(sound, str(tmp_path / "data"))


def test_a_flipped_bit_names_shard_record_and_byte(data_dir):
    path = shard_path(data_dir)
    offsets = [offset for offset, _ in record_file.scan(path)]
    with open(path, "r+b") as file:
        file.seek(offsets[1] + 100)
        byte = file.read(1)[0]
        file.seek(offsets[1] + 100)
        file.write(bytes([byte ^ 16]))
    check(
        data_dir,
        f"{path}: its SHA-256 is not the manifest's",
        f"{path}: record 1 at byte {offsets[1]} has damaged data",
    )
    # The records after it were read all the same.
    assert run(data_dir).num_records == 11


def test_a_damaged_length_does_not_hide_the_next_damage(data_dir):
    path = shard_path(data_dir)
    offsets = [offset for offset, _ in record_file.scan(path)]
    with open(path, "r+b") as file:
        file.write(b"\xff")
        file.seek(offsets[2] + 50)
        file.write(b"\xff\xff\xff")
    check(
        data_dir,
        "SHA-256",
        f"{path}: record 0 at byte 0 has a damaged length",
        f"{path}: record 2 at byte {offsets[2]} has damaged data",
    )


def test_a_cut_shard(data_dir):
    path = shard_path(data_dir, 1, "validation")
    os.truncate(path, os.path.getsize(path) - 5)
    check(data_dir, f"{path}: has ", f"{path}: record 2 at byte ")


def test_a_shard_cut_between_records(data_dir):
    path = shard_path(data_dir)
    offsets = [offset for offset, _ in record_file.scan(path)]
    os.truncate(path, offsets[2])
    check(data_dir, f"{path}: has ", "has 2 records, the manifest says 3")


def test_swapped_shards(data_dir):
    first, second = shard_path(data_dir, 0), shard_path(data_dir, 1)
    os.rename(first, first + "x")
    os.rename(second, first)
    os.rename(first + "x", second)
    report = run(data_dir)
    for path in (first, second):
        assert any(line.startswith(f"{path}: has ") for line in report.problems)
    assert any("not where the index says" in line for line in report.problems)


def test_an_unreadable_shard(data_dir):
    path = shard_path(data_dir)
    os.unlink(path)
    os.mkdir(path)
    check(data_dir, f"{path}: cannot be read (Is a directory)")


def test_a_record_that_comes_twice(data_dir):
    records = read_shard(shard_path(data_dir))
    rewrite(data_dir, 0, [records[0], records[1], records[0]])
    report = run(data_dir)
    assert report.problems[0] == (
        f"{shard_path(data_dir)}: record 2 has the filename of record 0 of "
        "train-00000-of-00002: each image should be there once"
    )


def test_records_of_equal_length_that_were_swapped_are_named(tmp_path):
    data_dir = str(tmp_path)
    data_directories.write_data_directory(tmp_path, encoding="raw", per_class=2)
    path = shard_path(data_dir)
    records = read_shard(path)
    assert len(records) == 2 and len(set(map(len, records))) == 1
    with open(path, "wb") as file:
        file.writelines(record_file.frame(record) for record in reversed(records))
    problems = run(data_dir).problems
    named = [line for line in problems if "is not the record that the index" in line]
    assert [line.split(" at byte ")[0] for line in named] == [
        f"{path}: record {number}" for number in range(2)
    ]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"LABEL": 2}, "its label is 2, not one of 0 to 1"),
        ({"LABEL": 2**40}, "its label is 1099511627776"),
        ({"SYNSET": b"n9"}, "its class is 'n9'"),
        ({"TEXT": b"other"}, "('other'), but label"),
        ({"FORMAT": b"RAW"}, "its format is b'RAW'"),
        ({"HEIGHT": 255}, "its size is 255 x 256"),
        ({"FILENAME": b""}, "it has no filename"),
        ({"ENCODED": b"nonsense"}, "the image cannot be decoded"),
        ({"ENCODED": 7}, "image/encoded is not one byte string"),
    ],
)
def test_a_wrong_feature_names_the_record(data_dir, changes, part):
    records = read_shard(shard_path(data_dir))
    records[1] = change_record(records[1], **changes)
    rewrite(data_dir, 0, records)
    report = run(data_dir)
    line = report.problems[0]
    offset = len(record_file.frame(records[0]))
    assert line.startswith(f"{shard_path(data_dir)}: record 1 at byte {offset}: ")
    assert part in line


def test_bytes_that_are_no_example(data_dir):
    records = read_shard(shard_path(data_dir))
    rewrite(data_dir, 0, [b"\xff\xff", *records[1:]])
    check(data_dir, "record 0 at byte 0: the record is not a well-formed tf.train")


def test_an_image_of_another_size_and_one_of_another_format(data_dir):
    image = np.zeros((255, 256, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(image).resize((256, 256)).save(stream, "PNG")
    records = read_shard(shard_path(data_dir))
    records[0] = change_record(records[0], ENCODED=data_directories.encode_jpeg(image))
    records[1] = change_record(records[1], ENCODED=stream.getvalue())
    rewrite(data_dir, 0, records)
    check(
        data_dir,
        "the image has the shape (255, 256, 3), not 256 x 256",
        "the image is not a JPEG",
    )


def test_a_raw_image_of_another_length(tmp_path):
    data_dir = str(tmp_path)
    data_directories.write_data_directory(tmp_path, per_class=3, encoding="raw")
    records = read_shard(shard_path(data_dir))
    records[0] = change_record(records[0], ENCODED=bytes(10))
    rewrite(data_dir, 0, records)
    check(data_dir, "the raw image has 10 bytes, not 256 * 256 * 3")


def test_an_image_that_ended_two_workers_is_a_problem_and_not_decoded(data_dir):
    contents = manifest.read_manifest(data_dir)
    (task, *_) = verify._make_tasks(data_dir, contents, {})
    positions = []
    result = shard_check.check_shard(
        contents, task, {1: "it killed two"}, positions.append
    )
    (line,) = result.problems.lines
    assert line.startswith(f"{task.name}: record 1 at byte ")
    assert line.endswith("it killed two")
    assert (result.num_records, result.is_complete) == (3, False)
    assert result.accumulator.num_images == 2
    assert positions == [0, 1, 2, worker_pool.BETWEEN_ITEMS]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
