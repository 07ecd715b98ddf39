"""Tests of the benchmark of `alexnet-verify`: both sides read the whole directory."""

from __future__ import annotations

import sys

import pytest

from tests import data_directories
from tfrecords import errors
from tools.benchmarks import harness, verification


@pytest.fixture
def data_dir(tmp_path):
    data_directories.write_data_directory(tmp_path / "data")
    return tmp_path / "data"


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_sound_directory_passes(data_dir):
    verification.verify_data(str(data_dir), 1)()
    for decodes in (False, True):
        verification.read_shards(str(data_dir), decodes)()


def test_every_shard_is_read(data_dir):
    for path in sorted(data_dir.glob("*-of-*")):
        flip(path, -3)
        with pytest.raises(errors.DataError, match=path.name):
            verification.read_shards(str(data_dir), False)()
        with pytest.raises(ValueError, match=path.name):
            verification.verify_data(str(data_dir), 1)()
        flip(path, -3)


def test_the_table_compares_with_the_limit():
    options = harness.Options(num_images=40, rounds=1)
    result = verification.measure_verification(options)
    names = [row[0] for row in result.rows]
    assert names[:2] == ["alexnet-verify", "alexnet-verify, one process"]
    assert names[2].startswith("checksums") and result.rows[3][-1] == 1


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
