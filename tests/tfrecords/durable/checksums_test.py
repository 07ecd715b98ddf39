"""Tests of `tfrecords.durable.checksums`, against `sha256sum`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tfrecords import errors
from tfrecords.durable import checksums

FILES = {"b": b"1", "a": b"", "z/c d": b"3", "extra/e.json": b"{}"}


@pytest.fixture
def listed(tmp_path):
    """A directory with four files, and the path of their list."""
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    path = tmp_path / "extra" / checksums.NAME
    path.write_text(checksums.make_list(str(tmp_path)))
    return tmp_path, path


def test_the_list_is_sha256sums_own(listed):
    directory, path = listed
    lines = path.read_text().splitlines()
    assert [line[66:] for line in lines] == ["a", "b", "extra/e.json", "z/c d"]
    done = subprocess.run(["sha256sum", "-c", path], cwd=directory, capture_output=True)
    assert done.returncode == 0, done.stderr
    checksums.check(str(directory), str(path))
    # A list leaves itself out: it stays what it is, and its own sum is the digest.
    assert checksums.make_list(str(directory)) == path.read_text()
    done = subprocess.run(["sha256sum", path], capture_output=True, text=True)
    assert done.stdout.split()[0] == checksums.compute_digest(str(directory))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "longer", "pipe"])
def test_every_damage_names_its_file(listed, name, damage):
    directory, path = listed
    if damage == "longer":
        with open(directory / name, "ab") as file:
            file.write(b"\0")
    else:
        (directory / name).unlink()
    if damage == "pipe":
        os.mkfifo(directory / name)
    with pytest.raises(errors.DataError, match=f"^{directory / name} is "):
        checksums.check(str(directory), str(path))


@pytest.mark.parametrize("data", [b"", b"version https://git-lfs\n", b"\xff\0", b"\n"])
def test_a_damaged_list_is_named(listed, data):
    directory, path = listed
    path.write_bytes(data)
    with pytest.raises(errors.DataError, match=f"^{path} is "):
        checksums.check(str(directory), str(path))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
