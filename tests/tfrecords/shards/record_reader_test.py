"""Tests of `tfrecords.shards.record_reader`."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
import threading

import numpy as np
import pytest

from tests import data_directories
from tfrecords import errors
from tfrecords.shards import record_file, record_index, record_reader


@pytest.fixture
def index(tmp_path):
    info = data_directories.write_data_directory(
        tmp_path, encoding="raw", per_class={"train": 5}, num_shards=3
    )
    return record_index.read_index(str(tmp_path), info, "train")


def scan_all(index: record_index.RecordIndex) -> list[bytes]:
    return [data for path in index.paths for _, data in record_file.scan(path)]


def test_reads_what_a_scan_finds_in_any_order(index, monkeypatch):
    monkeypatch.setattr(record_reader, "MAX_OPEN_SHARDS", 2)
    reader = record_reader.RecordReader(index)
    expected = scan_all(index)
    assert len(expected) == index.num_records == 10
    for record_id in [9, 0, 4, 4, 8, 1, 5, 2, 7, 3, 6]:
        assert reader.read(record_id) == expected[record_id]


def test_reads_into_memory_that_is_there(index):
    reader = record_reader.RecordReader(index)
    buffer = np.full(int(index.length.max()) + 5, 7, np.uint8)
    for record_id, expected in enumerate(scan_all(index)):
        found = reader.read_into(record_id, buffer)
        assert found.base is buffer and found.tobytes() == expected
    assert (buffer[-5:] == 7).all()


def test_open_shards_are_bounded_and_closed(index, monkeypatch):
    monkeypatch.setattr(record_reader, "MAX_OPEN_SHARDS", 2)
    reader = record_reader.RecordReader(index)
    before = len(os.listdir("/proc/self/fd"))
    for record_id in range(index.num_records):
        reader.read(record_id)
        assert len(os.listdir("/proc/self/fd")) <= before + 2
    reader.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert reader.read(0)


def test_threads_share_a_reader(index, monkeypatch):
    monkeypatch.setattr(record_reader, "MAX_OPEN_SHARDS", 1)
    reader = record_reader.RecordReader(index)
    expected = scan_all(index)
    wrong = []

    def read(seed: int) -> None:
        for record_id in np.random.default_rng(seed).integers(0, 10, 50):
            if reader.read(int(record_id)) != expected[record_id]:
                wrong.append(record_id)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_flipped_bit_names_the_shard_and_the_byte(index):
    path = index.paths[index.shard[6]]
    offset = int(index.offset[6])
    with open(path, "r+b") as file:
        file.seek(offset + 500)
        byte = file.read(1)[0]
        file.seek(offset + 500)
        file.write(bytes([byte ^ 1]))
    reader = record_reader.RecordReader(index)
    message = f"{path}.* at byte {offset} .*damaged"
    with pytest.raises(errors.DataError, match=message):
        reader.read(6)
    with pytest.raises(errors.DataError, match=message):
        reader.read_into(6, np.empty(int(index.length.max()), np.uint8))
    assert f"{path}: the record at byte {offset}" == reader.describe(6)
    assert reader.read(0)


def move_record(index: record_index.RecordIndex, source: int, target: int) -> bytes:
    """Puts record `source` in the place of `target`; returns what was there."""
    size = int(index.length[source]) + 16
    assert index.length[source] == index.length[target]
    with open(index.paths[index.shard[source]], "rb") as file:
        file.seek(int(index.offset[source]))
        moved = file.read(size)
    with open(index.paths[index.shard[target]], "r+b") as file:
        file.seek(int(index.offset[target]))
        replaced = file.read(size)
        file.seek(int(index.offset[target]))
        file.write(moved)
    return replaced


def find_foreign_records(index: record_index.RecordIndex) -> dict[int, str]:
    """The records that are refused, by both ways of reading, and the sentences."""
    reader = record_reader.RecordReader(index)
    buffer = np.empty(int(index.length.max()), np.uint8)
    refused = {}
    for record_id in range(index.num_records):
        try:
            reader.read(record_id)
            reader.read_into(record_id, buffer)
        except errors.DataError as error:
            refused[record_id] = str(error)
            with pytest.raises(errors.DataError):
                reader.read_into(record_id, buffer)
    return refused


def test_a_shard_that_was_copied_over_another_is_refused(index):
    first, second = index.paths[:2]
    assert os.path.getsize(first) == os.path.getsize(second)
    shutil.copyfile(first, second)
    refused = find_foreign_records(index)
    assert list(refused) == np.flatnonzero(index.shard == 1).tolist()
    for record_id, sentence in refused.items():
        assert second in sentence and str(index.offset[record_id]) in sentence
        assert "alexnet-verify" in sentence


def test_swapped_and_repeated_records_are_refused(index):
    replaced = move_record(index, 0, 5)
    assert list(find_foreign_records(index)) == [5]
    with open(index.paths[index.shard[0]], "r+b") as file:
        file.seek(int(index.offset[0]))
        file.write(replaced)
    assert list(find_foreign_records(index)) == [0, 5]
    # What an index of an earlier version cannot know.
    assert not find_foreign_records(dataclasses.replace(index, checksum=None))


def test_a_missing_shard_is_named(index):
    os.remove(index.paths[1])
    reader = record_reader.RecordReader(index)
    with pytest.raises(errors.DataError, match=r"00001-of-00003 is missing"):
        reader.read(int(np.flatnonzero(index.shard == 1)[0]))


def test_a_failing_disk_is_a_storage_error(index, monkeypatch):
    def fail(*unused):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    reader = record_reader.RecordReader(index)
    with pytest.raises(errors.StorageError, match=r"train-00000.*Input/output error"):
        reader.read(0)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
