"""Index, statistics and manifest agree with the shards that they describe."""

import os
import sys

import numpy as np
import pytest

from tests import data_directories
from tfrecords.shards import (
    directory_files,
    manifest,
    record_file,
    record_index,
    statistics,
)


def test_offsets_follow_from_the_lengths():
    # A record is 12 bytes of header, the data and 4 bytes of footer.
    offsets = directory_files._compute_offsets(np.array([10, 1, 5]))
    assert offsets.tolist() == [0, 26, 43]
    assert len(directory_files._compute_offsets(np.array([], np.int64))) == 0


@pytest.fixture
def written(tmp_path):
    """A directory whose files were written from its shards' contents."""
    described = data_directories.write_data_directory(tmp_path, per_class=3)
    shards = {}
    for split, info in described.splits.items():
        shards[split] = []
        for shard in info.shards:
            records = list(record_file.scan(str(tmp_path / shard.name)))
            accumulator = statistics.Accumulator(256)
            for level in range(len(records)):
                accumulator.add(np.full((256, 256, 3), level, np.uint8))
            shards[split].append(
                directory_files.ShardContents(
                    shard,
                    np.array([len(data) for _, data in records]),
                    np.array(
                        [record_file.compute_masked_crc(data) for _, data in records],
                        np.uint32,
                    ),
                    np.array([len(records) - 1, 1]),
                    accumulator if split == "train" else None,
                )
            )
    return str(tmp_path), directory_files.write(str(tmp_path), described, shards)


def test_the_index_leads_to_every_record(written):
    data_dir, contents = written
    for split in contents.splits:
        index = record_index.read_index(data_dir, contents, split)
        number = 0
        for path in index.paths:
            for offset, data in record_file.scan(path):
                assert index.paths[index.shard[number]] == path
                assert index.offset[number] == offset
                assert index.length[number] == len(data)
                crc = record_file.compute_masked_crc(data)
                assert index.checksum[number] == crc
                number += 1
        assert number == index.num_records


def test_counts_and_statistics_are_sums_over_the_shards(written):
    data_dir, contents = written
    shards = contents.splits["train"].shards
    num_records = sum(shard.num_records for shard in shards)
    assert contents.splits["train"].class_counts == (
        num_records - len(shards),
        len(shards),
    )
    found = statistics.read_statistics(
        data_dir, contents.checksums[manifest.STATISTICS_NAME]
    )
    assert found.num_images == num_records
    levels = [level for shard in shards for level in range(shard.num_records)]
    assert found.mean_rgb == pytest.approx([np.mean(levels)] * 3)
    assert manifest.read_manifest(data_dir) == contents


def test_an_old_manifest_is_gone_before_anything_is_written(written, monkeypatch):
    data_dir, contents = written

    def fail(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(statistics, "write_statistics", fail)
    shard = directory_files.ShardContents(
        contents.splits["train"].shards[0],
        np.zeros(0, np.int64),
        np.zeros(0, np.uint32),
        np.zeros(2, np.int64),
        statistics.Accumulator(8),
    )
    shard.accumulator.add(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(KeyboardInterrupt):
        directory_files.write(data_dir, contents, {"train": [shard]})
    assert not os.path.exists(os.path.join(data_dir, manifest.MANIFEST_NAME))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
