import json
import os
import sys

import numpy as np
import pytest

from tests import disk_calls
from tfrecords import errors
from tfrecords.conversion import journal, shard_writer
from tfrecords.durable import files
from tfrecords.shards import statistics

DESCRIPTION = {"seed": 3, "splits": {"train": {"num_shards": 3}}}
NAMES = [f"train-{shard:05d}-of-00003" for shard in range(3)]


def make_result(data_dir, name):
    """A shard of 1,000 bytes under its temporary name."""
    data = name.encode()[:10] * 100
    temporary = files.make_temporary_name(os.path.join(data_dir, name))
    with open(temporary, "wb") as file:
        file.write(data)
    accumulator = statistics.Accumulator(8)
    accumulator.add(np.full((8, 8, 3), len(name), np.uint8))
    return shard_writer.ShardResult(
        temporary=temporary,
        num_bytes=1000,
        sha256=files.hashlib.sha256(data).hexdigest(),
        lengths=np.array([400, 568]),
        checksums=np.array([7, 2**32 - 1], np.uint32),
        class_counts=np.array([2, 0]),
        rejects=(("bad\tname\udcff.jpg", "no image"),),
        largest=shard_writer.LargestImage(480, 640, "a.jpg"),
        accumulator=accumulator,
    )


@pytest.fixture
def data_dir(tmp_path):
    """A directory of whose three shards two are finished."""
    opened = journal.Journal(str(tmp_path), DESCRIPTION)
    for name in NAMES[:2]:
        opened.add(name, make_result(str(tmp_path), name))
    return str(tmp_path)


def read_journal(data_dir):
    with open(os.path.join(data_dir, ".progress", "journal"), "rb") as file:
        return file.read()


def write_journal(data_dir, data):
    with open(os.path.join(data_dir, ".progress", "journal"), "wb") as file:
        file.write(data)


def test_finished_shards_are_remembered(data_dir):
    opened = journal.Journal(data_dir, DESCRIPTION, num_threads=2)
    assert sorted(opened.finished) == NAMES[:2]
    assert opened.distrusted == []
    shard = opened.finished[NAMES[0]]
    assert (shard.num_records, shard.num_bytes) == (2, 1000)
    assert shard.rejects == (("bad\tname\udcff.jpg", "no image"),)
    assert tuple(shard.largest) == (480, 640, "a.jpg")
    parts = opened.read_parts(NAMES[0])
    np.testing.assert_array_equal(parts["lengths"], [400, 568])
    assert statistics.Accumulator.from_arrays(parts).num_images == 1


def test_a_shard_has_its_final_name_only_once_it_is_added(tmp_path):
    opened = journal.Journal(str(tmp_path), DESCRIPTION)
    result = make_result(str(tmp_path), NAMES[0])
    assert not (tmp_path / NAMES[0]).exists()
    opened.add(NAMES[0], result)
    assert os.path.getsize(tmp_path / NAMES[0]) == 1000
    assert not os.path.exists(result.temporary)


def test_a_shard_reaches_the_disk_before_the_line_that_says_so(tmp_path, monkeypatch):
    disk = disk_calls.DiskCalls(monkeypatch)
    opened = journal.Journal(str(tmp_path), DESCRIPTION)
    assert disk.calls == [
        f"fsync {tmp_path.name}/",  # the directory .progress
        "fsync .journal.tmp",
        "rename journal",
        "fsync .progress/",
    ]
    disk.calls.clear()
    result = make_result(str(tmp_path), NAMES[0])
    opened.add(NAMES[0], result)
    assert disk.calls == [
        f"fsync .{NAMES[0]}.npz.tmp",
        f"rename {NAMES[0]}.npz",
        "fsync .progress/",
        f"rename {NAMES[0]}",
        f"fsync {tmp_path.name}/",
        "fsync journal",
    ]
    progress = tmp_path / ".progress"
    disk.assert_flushed(progress / "journal", progress / f"{NAMES[0]}.npz")
    disk.calls.clear()
    journal.remove(str(tmp_path))
    assert disk.calls == ["remove .progress", f"fsync {tmp_path.name}/"]


def test_every_cut_of_the_journal_keeps_the_whole_lines(data_dir):
    whole = read_journal(data_dir)
    first, second = [len(b"\n".join(whole.split(b"\n")[:lines])) for lines in (2, 3)]
    header = len(whole.split(b"\n")[0])
    near = [end + by for end in (header, first, second) for by in range(-2, 3)]
    lengths = {*near, *range(header, len(whole), 40)}
    for length in sorted(n for n in lengths if header <= n <= len(whole)):
        write_journal(data_dir, whole[:length])
        opened = journal.Journal(data_dir, DESCRIPTION)
        expected = (length >= first) + (length >= second)
        assert sorted(opened.finished) == NAMES[:expected], length


def test_after_a_torn_line_the_next_line_stands_alone(data_dir):
    write_journal(data_dir, read_journal(data_dir)[:-20])
    opened = journal.Journal(data_dir, DESCRIPTION)
    opened.add(NAMES[2], make_result(data_dir, NAMES[2]))
    assert sorted(journal.Journal(data_dir, DESCRIPTION).finished) == [
        NAMES[0],
        NAMES[2],
    ]


@pytest.mark.parametrize(
    "path", [NAMES[0], os.path.join(".progress", f"{NAMES[0]}.npz")]
)
@pytest.mark.parametrize("damage", ["flip", "cut", "extend", "delete"])
def test_a_changed_file_is_distrusted(data_dir, path, damage):
    path = os.path.join(data_dir, path)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    os.unlink(path)
    data[len(data) // 2] ^= 1 if damage == "flip" else 0
    if damage != "delete":
        with open(path, "wb") as file:
            file.write({"cut": data[:-1], "extend": data + b"x"}.get(damage, data))
    opened = journal.Journal(data_dir, DESCRIPTION)
    assert opened.distrusted == [NAMES[0]]
    assert sorted(opened.finished) == [NAMES[1]]
    assert NAMES[0].encode() not in read_journal(data_dir)


def test_leftovers_are_removed(data_dir):
    paths = [
        os.path.join(data_dir, f".{NAMES[2]}.tmp-123"),
        os.path.join(data_dir, ".progress", ".journal.tmp-123"),
    ]
    for path in paths:
        with open(path, "w"):
            pass
    journal.Journal(data_dir, DESCRIPTION)
    assert not any(os.path.exists(path) for path in paths)


def test_another_plan_is_refused_and_nothing_is_touched(data_dir):
    leftover = os.path.join(data_dir, f".{NAMES[2]}.tmp-123")
    with open(leftover, "w"):
        pass
    before = read_journal(data_dir)
    other = {"seed": 4, "splits": {"train": {"num_shards": 3}}}
    with pytest.raises(errors.UserError, match="seed: 3 there, 4 here"):
        journal.Journal(data_dir, other)
    assert read_journal(data_dir) == before
    assert os.path.exists(leftover)


@pytest.mark.parametrize("first_line", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"pl'])
def test_a_damaged_first_line_is_refused(data_dir, first_line):
    rest = read_journal(data_dir).split(b"\n", 1)[1]
    write_journal(data_dir, first_line + b"\n" + rest)
    with pytest.raises(errors.DataError, match="damaged"):
        journal.Journal(data_dir, DESCRIPTION)


@pytest.mark.parametrize(
    "line", [b"{}", b"7", b"[]", b'{"name": 3}', b"\xff", json.dumps("x").encode()]
)
def test_a_line_that_is_no_shard_is_dropped(data_dir, line):
    write_journal(data_dir, read_journal(data_dir) + line + b"\n")
    assert sorted(journal.Journal(data_dir, DESCRIPTION).finished) == NAMES[:2]


def test_removal_leaves_the_shards(data_dir):
    assert journal.has_journal(data_dir)
    journal.remove(data_dir)
    assert not journal.has_journal(data_dir)
    assert sorted(os.listdir(data_dir)) == NAMES[:2]
    journal.remove(data_dir)  # a kill may have come between


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
