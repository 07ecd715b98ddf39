import hashlib
import os
import sys

import numpy as np
import pytest

from tests import disk_calls
from tests.tfrecords import drawn_source
from tfrecords import errors
from tfrecords.console import worker_pool
from tfrecords.conversion import plan, shard_writer
from tfrecords.durable import files
from tfrecords.shards import record_file

SETTINGS = plan.ConvertSettings(
    image_size=16, num_shards={"train": 1}, apply_orientation=False
)


def write(source, directory, settings=SETTINGS, rejected=None, report=None, split=0):
    shard = plan.make_plan(source, settings).shards[split]
    return shard, shard_writer.write_shard(
        source,
        settings,
        str(directory),
        shard,
        rejected or {},
        report or (lambda position: None),
    )


def test_result_describes_the_file(tmp_path):
    source = drawn_source.DrawnSource({"train": 12})
    shard, result = write(source, tmp_path)
    assert os.listdir(tmp_path) == [os.path.basename(result.temporary)]
    assert not os.path.exists(tmp_path / shard.name)
    with open(result.temporary, "rb") as file:
        data = file.read()
    assert result.contents.info.num_bytes == len(data)
    assert result.contents.info.sha256 == hashlib.sha256(data).hexdigest()
    records = [record for _, record in record_file.scan(result.temporary)]
    assert result.contents.lengths.tolist() == [len(record) for record in records]
    for record, row in zip(records, shard.rows, strict=True):
        assert f"train_{row:05d}.png".encode() in record
        assert b"ring, annulus" in record or row % 3 != 1
    assert result.contents.class_counts.tolist() == [4, 4, 4]
    assert result.contents.accumulator.num_images == 12


def test_the_result_is_on_the_disk(tmp_path, monkeypatch):
    disk = disk_calls.DiskCalls(monkeypatch)
    shard, result = write(drawn_source.DrawnSource({"train": 3}), tmp_path)
    assert disk.calls == [f"fsync .{shard.name}.tmp"]
    disk.assert_flushed(result.temporary)


def test_only_the_training_split_is_summed(tmp_path):
    source = drawn_source.DrawnSource({"train": 3, "validation": 3})
    assert write(source, tmp_path, split=1)[1].contents.accumulator is None


def test_largest_image_is_found(tmp_path):
    # draw(): 40 + row % 7 by 50 + row % 5, so that row 34 has 46 x 54.
    source = drawn_source.DrawnSource({"train": 40})
    _, result = write(source, tmp_path)
    assert result.largest == shard_writer.LargestImage(46, 54, "train_00034.png")


def test_rejects_stand_in_the_order_of_the_plan(tmp_path):
    source = drawn_source.DrawnSource({"train": 12}, broken=(2, 5, 9))
    shard, result = write(source, tmp_path, rejected={4: "it killed two workers"})
    order = shard.rows.tolist()
    expected = sorted({*map(order.index, (2, 5, 9)), 4})
    names = [f"train_{order[position]:05d}.png" for position in expected]
    assert [reject.filename for reject in result.rejects] == names
    assert "it killed two workers" in [reject.reason for reject in result.rejects]
    assert len(result.contents.lengths) + len(result.rejects) == 12
    assert result.contents.class_counts.sum() == len(result.contents.lengths)
    assert result.contents.accumulator.num_images == len(result.contents.lengths)


def test_a_shard_of_rejects_alone_is_an_empty_file(tmp_path):
    source = drawn_source.DrawnSource({"train": 3}, broken=(0, 1, 2))
    _, result = write(source, tmp_path)
    assert os.path.getsize(result.temporary) == 0
    contents = result.contents
    assert contents.info.num_bytes == 0
    assert contents.lengths.dtype == np.int64 and len(contents.lengths) == 0
    assert result.largest is None and len(result.rejects) == 3


def test_positions_are_reported_and_giving_up_leaves_nothing(tmp_path):
    source = drawn_source.DrawnSource({"train": 3})
    positions = []
    write(source, tmp_path / "", report=positions.append)
    assert positions == [0, 1, 2, worker_pool.BETWEEN_ITEMS]

    def give_up(position):
        if position == 2:
            raise KeyboardInterrupt

    for name in os.listdir(tmp_path):
        os.unlink(tmp_path / name)
    with pytest.raises(KeyboardInterrupt):
        write(source, tmp_path, report=give_up)
    assert os.listdir(tmp_path) == []


def test_a_source_that_cannot_be_read_is_no_reject(tmp_path):
    source = drawn_source.DrawnSource({"train": 3}, fault="vanish")
    with pytest.raises(errors.DataError, match=r"'train_00001.png' of the train split"):
        write(source, tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_directory_that_cannot_be_written_is_a_storage_error(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(errors.StorageError, match="disk is full"):
        write(drawn_source.DrawnSource({"train": 3}), tmp_path)
    assert os.listdir(tmp_path) == []


def test_file_names_that_are_no_utf8_survive():
    name = b"caf\xe9.jpg"
    assert (
        shard_writer.decode_filename(np.bytes_(name)).encode(errors="surrogateescape")
        == name
    )


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
