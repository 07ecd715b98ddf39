import hashlib
import os
import sys

import pytest

from tfrecords import errors
from tfrecords.sources.archives import archive_reader


def open_reader(path, compute_md5=True):
    return archive_reader.ArchiveReader(str(path), compute_md5=compute_md5)


@pytest.mark.parametrize("compute_md5", [False, True])
def test_reads_what_is_there_in_rising_order(tmp_path, compute_md5):
    data = os.urandom(3_500_000)
    (tmp_path / "x").write_bytes(data)
    with open_reader(tmp_path / "x", compute_md5) as reader:
        assert reader.num_bytes == len(data)
        requests = [(0, 512), (512, 512), (999_900, 512), (999_900, 1_200_000)]
        requests += [(3_000_000, 100), (len(data) - 10, 512), (len(data), 512)]
        for offset, count in requests:
            assert reader.read_at(offset, count) == data[offset : offset + count]
        md5 = reader.finish()
    assert md5 == (hashlib.md5(data).hexdigest() if compute_md5 else None)


def test_the_sum_is_of_the_whole_file_whatever_was_read(tmp_path):
    data = os.urandom(2_100_000)
    (tmp_path / "x").write_bytes(data)
    with open_reader(tmp_path / "x") as reader:
        assert reader.finish() == hashlib.md5(data).hexdigest()


def test_a_file_that_shrinks_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(bytes(3_000_000))
    with open_reader(tmp_path / "x") as reader:
        reader.read_at(0, 512)
        os.truncate(tmp_path / "x", 1_500_000)
        with pytest.raises(errors.DataError, match="became shorter"):
            reader.finish()


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(errors.DataError, match="Put it back"):
        open_reader(tmp_path / "x")


def test_progress_counts_megabytes(tmp_path, capsys):
    (tmp_path / "x").write_bytes(bytes(3_500_000))
    with open_reader(tmp_path / "x") as reader:
        reader.finish()
    assert "reading x: 4 MB in" in capsys.readouterr().err.splitlines()[-1]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
