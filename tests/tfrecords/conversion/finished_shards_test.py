"""A finished shard is remembered; a changed or unfinished one is never trusted."""

import hashlib
import json
import os
import sys

import numpy as np
import pytest

from tests import disk_calls
from tfrecords import errors
from tfrecords.conversion import finished_shards, shard_writer
from tfrecords.durable import files
from tfrecords.shards import manifest, statistics
from tfrecords.shards.directory_files import ShardContents

DESCRIPTION = {"seed": 3, "splits": {"train": {"num_shards": 3}}}
NAMES = [f"train-{shard:05d}-of-00003" for shard in range(3)]
REJECT = manifest.Reject("train", "bad\tname\udcff.jpg", "no image")


def make_result(data_dir, name):
    """A shard of 1,000 bytes under its temporary name."""
    data = name.encode()[5:15] * 100
    temporary = files.make_temporary_name(os.path.join(data_dir, name))
    with open(temporary, "wb") as file:
        file.write(data)
    accumulator = statistics.Accumulator(8)
    accumulator.add(np.full((8, 8, 3), len(name), np.uint8))
    return shard_writer.ShardResult(
        temporary=temporary,
        contents=ShardContents(
            info=manifest.ShardInfo(name, 2, 1000, hashlib.sha256(data).hexdigest()),
            lengths=np.array([400, 568]),
            checksums=np.array([7, 2**32 - 1], np.uint32),
            class_counts=np.array([2, 0]),
            accumulator=accumulator,
        ),
        rejects=(REJECT,),
        largest=shard_writer.LargestImage(480, 640, "a.jpg"),
    )


@pytest.fixture
def data_dir(tmp_path):
    """A directory of whose three shards two are finished."""
    assert finished_shards.find(str(tmp_path), DESCRIPTION) == ({}, [])
    for name in NAMES[:2]:
        finished_shards.add(str(tmp_path), name, make_result(str(tmp_path), name))
    return str(tmp_path)


def read_plan(data_dir):
    with open(os.path.join(data_dir, ".progress", "plan.json"), "rb") as file:
        return file.read()


def write_plan(data_dir, data):
    with open(os.path.join(data_dir, ".progress", "plan.json"), "wb") as file:
        file.write(data)


def test_finished_shards_are_remembered(data_dir):
    finished, changed = finished_shards.find(data_dir, DESCRIPTION, num_threads=2)
    assert sorted(finished) == NAMES[:2]
    assert changed == []
    shard = finished[NAMES[0]]
    assert (shard.info.num_records, shard.info.num_bytes) == (2, 1000)
    assert shard.rejects == (REJECT,)
    assert shard.largest == shard_writer.LargestImage(480, 640, "a.jpg")
    contents = finished_shards.read_contents(data_dir, NAMES[0])
    assert contents.info == shard.info
    np.testing.assert_array_equal(contents.lengths, [400, 568])
    np.testing.assert_array_equal(contents.checksums, [7, 2**32 - 1])
    assert contents.accumulator.num_images == 1


def test_a_shard_reaches_the_disk_before_its_side_file(tmp_path, monkeypatch):
    disk = disk_calls.DiskCalls(monkeypatch)
    finished_shards.find(str(tmp_path), DESCRIPTION)
    assert disk.calls == [
        f"fsync {tmp_path.name}/",  # the directory .progress
        "fsync .plan.json.tmp",
        "rename plan.json",
        "fsync .progress/",
    ]
    disk.calls.clear()
    result = make_result(str(tmp_path), NAMES[0])
    assert not (tmp_path / NAMES[0]).exists()
    finished_shards.add(str(tmp_path), NAMES[0], result)
    assert disk.calls == [
        f"rename {NAMES[0]}",
        f"fsync {tmp_path.name}/",
        f"fsync .{NAMES[0]}.npz.tmp",
        f"rename {NAMES[0]}.npz",
        "fsync .progress/",
    ]
    progress = tmp_path / ".progress"
    disk.assert_flushed(progress / "plan.json", progress / f"{NAMES[0]}.npz")
    disk.calls.clear()
    finished_shards.remove(str(tmp_path))
    assert disk.calls == ["remove .progress", f"fsync {tmp_path.name}/"]


def test_a_shard_without_its_side_file_is_not_trusted(data_dir, monkeypatch):
    def die(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(finished_shards.npz, "save", die)
        with pytest.raises(KeyboardInterrupt):
            finished_shards.add(data_dir, NAMES[2], make_result(data_dir, NAMES[2]))
    assert os.path.exists(os.path.join(data_dir, NAMES[2]))
    finished, changed = finished_shards.find(data_dir, DESCRIPTION)
    assert sorted(finished) == NAMES[:2] and changed == []


def test_two_processes_may_finish_shards_of_one_directory(data_dir):
    """Neither writes to a file of the other: what both finished is found."""
    finished_shards.find(data_dir, DESCRIPTION)  # a second process resumes
    finished_shards.add(data_dir, NAMES[2], make_result(data_dir, NAMES[2]))
    finished, _ = finished_shards.find(data_dir, DESCRIPTION)
    assert sorted(finished) == NAMES


@pytest.mark.parametrize(
    "path", [NAMES[0], os.path.join(".progress", f"{NAMES[0]}.npz")]
)
@pytest.mark.parametrize("damage", ["flip", "cut", "extend", "delete", "swap"])
def test_a_changed_file_is_not_trusted(data_dir, path, damage):
    other = os.path.join(data_dir, path.replace(NAMES[0], NAMES[1]))
    path = os.path.join(data_dir, path)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    with open(other, "rb") as file:
        other_data = file.read()
    os.unlink(path)
    data[len(data) // 2] ^= 1 if damage == "flip" else 0
    if damage != "delete":
        changed = {"cut": data[:-1], "extend": data + b"x", "swap": other_data}
        with open(path, "wb") as file:
            file.write(changed.get(damage, data))
    finished, distrusted = finished_shards.find(data_dir, DESCRIPTION)
    assert sorted(finished) == [NAMES[1]]
    # Without its side file nothing says that there was a shard.
    was_forgotten = damage == "delete" and path.endswith(".npz")
    assert distrusted == ([] if was_forgotten else [NAMES[0]])


def test_a_shard_that_is_made_again_is_trusted(data_dir):
    os.truncate(os.path.join(data_dir, NAMES[0]), 10)
    assert finished_shards.find(data_dir, DESCRIPTION)[1] == [NAMES[0]]
    finished_shards.add(data_dir, NAMES[0], make_result(data_dir, NAMES[0]))
    finished, changed = finished_shards.find(data_dir, DESCRIPTION)
    assert sorted(finished) == NAMES[:2] and changed == []


def test_leftovers_are_removed(data_dir):
    paths = [
        os.path.join(data_dir, f".{NAMES[2]}.tmp-123"),
        os.path.join(data_dir, ".progress", f".{NAMES[2]}.npz.tmp-123"),
    ]
    for path in paths:
        with open(path, "w"):
            pass
    finished_shards.find(data_dir, DESCRIPTION)
    assert not any(os.path.exists(path) for path in paths)


def test_another_plan_is_refused_and_nothing_is_touched(data_dir):
    leftover = os.path.join(data_dir, f".{NAMES[2]}.tmp-123")
    with open(leftover, "w"):
        pass
    before = read_plan(data_dir)
    other = {"seed": 4, "splits": {"train": {"num_shards": 3}}}
    with pytest.raises(errors.UserError, match="seed: 3 there, 4 here"):
        finished_shards.find(data_dir, other)
    assert read_plan(data_dir) == before
    assert os.path.exists(leftover)


def test_a_damaged_plan_is_refused(data_dir):
    whole = read_plan(data_dir)
    flipped = whole.replace(b'"seed": 3', b'"seed": 2')
    for content in (b"", b"{}", b"[1]", b"\xff\xfe", whole[:-2], flipped):
        write_plan(data_dir, content)
        with pytest.raises(errors.DataError, match=r"plan\.json") as caught:
            finished_shards.find(data_dir, DESCRIPTION)
        assert f"Delete {data_dir}" in str(caught.value)


def test_a_conversion_begun_by_an_earlier_version_is_recognised(tmp_path):
    (tmp_path / ".progress").mkdir()
    journal = tmp_path / ".progress" / "journal"
    journal.write_text(json.dumps({"plan": DESCRIPTION}) + "\n")
    (tmp_path / NAMES[0]).write_bytes(b"a shard")
    assert finished_shards.is_begun(str(tmp_path))
    with pytest.raises(errors.UserError, match="earlier version") as caught:
        finished_shards.find(str(tmp_path), DESCRIPTION)
    assert str(tmp_path) in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == [".progress", NAMES[0]]


def test_removal_leaves_the_shards(data_dir):
    assert finished_shards.is_begun(data_dir)
    finished_shards.remove(data_dir)
    assert not finished_shards.is_begun(data_dir)
    assert sorted(os.listdir(data_dir)) == NAMES[:2]
    finished_shards.remove(data_dir)  # a kill may have come between


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
