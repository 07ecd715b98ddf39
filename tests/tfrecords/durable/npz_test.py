"""Equal arrays make equal files; a damaged file is never read in silence."""

import os
import sys
import zipfile

import numpy as np
import pytest

from tests import disk_calls
from tfrecords import errors
from tfrecords.durable import npz

ARRAYS = {
    "a/b": np.arange(6, dtype=np.int64).reshape(2, 3),
    "c": np.float64(1.5),
    "d": np.zeros((0, 3), np.uint8),
    "e": np.array([np.inf, -0.0], np.float32),
}


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == np.asarray(array).dtype
        assert found[name].shape == np.shape(array)
        assert found[name].tobytes() == np.asarray(array).tobytes()


def test_an_archive_is_on_the_disk_when_it_was_saved(tmp_path, monkeypatch):
    disk = disk_calls.DiskCalls(monkeypatch)
    npz.save(str(tmp_path / "a.npz"), ARRAYS)
    folder = f"fsync {tmp_path.name}/"
    assert disk.calls == ["fsync .a.npz.tmp", "rename a.npz", folder]
    disk.assert_flushed(tmp_path / "a.npz")


def test_round_trip(tmp_path):
    npz.save(str(tmp_path / "a.npz"), ARRAYS)
    assert_equal(npz.load(str(tmp_path / "a.npz")), ARRAYS)
    with np.load(tmp_path / "a.npz") as archive:
        assert sorted(archive.files) == sorted(ARRAYS)


def test_the_bytes_depend_on_the_contents_alone(tmp_path):
    npz.save(str(tmp_path / "a.npz"), ARRAYS)
    npz.save(str(tmp_path / "b.npz"), dict(reversed(ARRAYS.items())))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    # The time of day would make two archives differ that are saved two seconds apart.
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        dates = {member.date_time for member in archive.infolist()}
    assert dates == {(1980, 1, 1, 0, 0, 0)}


def test_no_damaged_byte_is_read_in_silence(tmp_path):
    arrays = {"x": np.arange(4, dtype=np.int16), "y": np.arange(4, dtype=np.int16)}
    path = tmp_path / "a.npz"
    npz.save(str(path), arrays)
    whole = path.read_bytes()
    refused = 0
    for position in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                found = npz.load(str(path))
            except errors.DataError as error:
                assert str(path) in str(error)
                refused += 1
            else:  # a byte without meaning, such as the date's
                assert_equal(found, arrays)
    assert refused > 4 * len(whole)


def test_an_archive_that_would_grow_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros(100_000))
    with pytest.raises(errors.DataError, match="would unpack to 800,"):
        npz.load(str(path))


def test_no_truncation_is_read_in_silence(tmp_path):
    path = tmp_path / "a.npz"
    npz.save(str(path), {"x": np.arange(4, dtype=np.int16)})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(errors.DataError):
            npz.load(str(path))


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}], dtype=object))
    with pytest.raises(errors.DataError, match=r"a\.npz"):
        npz.load(str(tmp_path / "a.npz"))


def test_a_plain_array_file_is_refused(tmp_path):
    with open(tmp_path / "a.npz", "wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(errors.DataError):
        npz.load(str(tmp_path / "a.npz"))


def test_objects_are_not_saved_and_nothing_is_left(tmp_path):
    with pytest.raises(ValueError):
        npz.save(str(tmp_path / "a.npz"), {"x": np.array([{}], dtype=object)})
    assert os.listdir(tmp_path) == []


def test_a_missing_file_is_the_callers_to_explain(tmp_path):
    with pytest.raises(FileNotFoundError):
        npz.load(str(tmp_path / "none.npz"))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
