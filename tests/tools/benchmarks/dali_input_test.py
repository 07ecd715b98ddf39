"""DALI's index says where records lie; where DALI is installed, it reads them."""

from __future__ import annotations

import pathlib
import sys

import pytest

from tests import data_directories
from tfrecords.shards import manifest, record_index
from tools.benchmarks import contest, dali_input


@pytest.fixture
def shards(tmp_path):
    data_directories.write_data_directory(tmp_path, num_classes=2, per_class=5)
    return str(tmp_path)


def test_lengths_reach_from_record_to_record(shards, tmp_path):
    index = record_index.read_index(shards, manifest.read_manifest(shards), "train")
    folder = tmp_path / "indices"
    folder.mkdir()
    paths = dali_input.write_indices(index, str(folder))
    assert len(paths) == 2
    for path, shard in zip(paths, index.paths, strict=True):
        text = pathlib.Path(path).read_text(encoding="utf-8")
        lines = [tuple(map(int, line.split())) for line in text.splitlines()]
        end = 0
        for offset, length in lines:
            assert offset == end
            end += length
        assert len(lines) == 5 and end == pathlib.Path(shard).stat().st_size


@pytest.mark.skipif(
    not contest.is_installed("nvidia.dali"), reason="NVIDIA DALI is not installed"
)
@pytest.mark.parametrize("is_finished", [False, True])
@pytest.mark.parametrize("decodes_crop", [False, True])
def test_it_reads_them(shards, decodes_crop, is_finished):
    call = dali_input.pipeline(shards, 4, 2, 67, decodes_crop, is_finished)
    assert call() > 0


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
