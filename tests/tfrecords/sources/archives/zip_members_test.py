"""Zip archives, read in place."""

import pathlib
import pickle
import stat
import struct
import sys
import zipfile
import zlib

import pytest

from tests import archives
from tfrecords import errors
from tfrecords.images import headers
from tfrecords.sources.archives import zip_members

IMAGE = archives.make_image(5)


def write(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return str(path)


def read(path, name):
    found, members = zip_members.list_members(path)
    data = pathlib.Path(path).read_bytes()
    offset, num_bytes = found[name]
    image = members.read(offset, path, lambda at, count: data[at : at + count])
    assert len(image) == num_bytes
    return image


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_read(tmp_path, compression):
    members = {f"a/{i}.jpg": IMAGE * (3 - i) for i in range(3)}
    path = write(tmp_path / "a.zip", members.items(), compression)
    assert sorted(zip_members.list_members(path)[0]) == sorted(members)
    for name, data in members.items():
        assert read(path, name) == data


def test_members_whose_sizes_come_after_them_are_read(tmp_path):
    path = tmp_path / "a.zip"

    class Pipe:
        """What cannot seek back: the sizes are not in the local headers."""

        def __init__(self, file):
            self.write, self.flush = file.write, file.flush

    with open(path, "wb") as file, zipfile.ZipFile(Pipe(file), "w") as archive:
        archive.writestr("a.jpg", IMAGE, zipfile.ZIP_DEFLATED)
    assert path.read_bytes()[6] & 8  # the flag of such members
    assert read(str(path), "a.jpg") == IMAGE


def test_hidden_files_and_those_of_macos_are_left_out(tmp_path):
    names = ("a/1.jpg", ".DS_Store", "a/.b/c.jpg", "__MACOSX/a/._1.jpg", "a/")
    path = write(tmp_path / "a.zip", [(name, b"") for name in names])
    assert list(zip_members.list_members(path)[0]) == ["a/1.jpg"]


@pytest.mark.parametrize(
    "name", ["../a.jpg", "/a.jpg", "a/../../b.jpg", "a//b.jpg", "a\\b.jpg", "C:/a.jpg"]
)
def test_names_that_leave_the_archive_are_refused(tmp_path, name):
    path = write(tmp_path / "a.zip", [(name, IMAGE)])
    with pytest.raises(errors.DataError, match="leads out of the archive"):
        zip_members.list_members(path)


def test_a_file_without_a_name_is_refused(tmp_path):
    path = write(tmp_path / "a.zip", [("x", IMAGE)])
    data = bytearray(pathlib.Path(path).read_bytes())
    entry = data.index(b"PK\1\2")
    # The lengths of the name and of what follows it: the "x" becomes the latter.
    data[entry + 28 : entry + 32] = bytes([0, 0, 1, 0])
    pathlib.Path(path).write_bytes(data)
    with pytest.raises(errors.DataError, match="'' has a name that leads out"):
        zip_members.list_members(path)


def test_links_are_refused(tmp_path):
    info = zipfile.ZipInfo("a.jpg")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    path = write(tmp_path / "a.zip", [(info, "/etc/passwd")])
    with pytest.raises(errors.DataError, match="is a link"):
        zip_members.list_members(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_refused(tmp_path):
    path = write(tmp_path / "a.zip", [("a.jpg", IMAGE), ("a.jpg", b"")])
    with pytest.raises(errors.DataError, match=r"'a\.jpg' comes twice"):
        zip_members.list_members(path)


def test_other_methods_and_encryption_are_refused(tmp_path):
    path = write(tmp_path / "a.zip", [("a.jpg", IMAGE)], zipfile.ZIP_BZIP2)
    with pytest.raises(errors.DataError, match="compressed by method 12"):
        zip_members.list_members(path)
    path = write(tmp_path / "b.zip", [("a.jpg", IMAGE)])
    patch(path, b"PK\x01\x02", 8, b"\x01")
    with pytest.raises(errors.DataError, match="is encrypted"):
        zip_members.list_members(path)


def patch(path, signature, offset, data, which=0):
    """Overwrites bytes behind the first or a later signature."""
    with open(path, "r+b") as file:
        content = file.read()
        position = -1
        for _ in range(which + 1):
            position = content.index(signature, position + 1)
        file.seek(position + offset)
        file.write(data)


def test_zip_bombs_are_refused(tmp_path):
    path = write(tmp_path / "a.zip", [("a.jpg", bytes(300 << 20))])
    with pytest.raises(errors.DataError, match="has 314,572,800 bytes unpacked"):
        zip_members.list_members(path)
    # Two entries of the directory for one file.
    path = write(tmp_path / "b.zip", [("a.jpg", IMAGE), ("b.jpg", IMAGE)])
    patch(path, b"PK\x01\x02", 42, struct.pack("<I", 0), which=1)
    with pytest.raises(errors.DataError, match="overlaps the one before"):
        zip_members.list_members(path)
    # A small size is announced, and more follows: no more is unpacked.
    path = write(tmp_path / "c.zip", [("a.jpg", bytes(50 << 20))])
    patch(path, b"PK\x01\x02", 24, struct.pack("<I", 100))
    with pytest.raises(headers.ImageError, match="length"):
        read(path, "a.jpg")


def test_damage_is_a_reason_to_reject_the_image(tmp_path):
    stored = write(tmp_path / "a.zip", [("a.jpg", IMAGE)], zipfile.ZIP_STORED)
    deflated = write(tmp_path / "b.zip", [("a.jpg", IMAGE)])
    for path in (stored, deflated):
        patch(path, b"PK\x03\x04", 60, b"\xff\xff\xff\xff\xff")
        with pytest.raises(headers.ImageError, match="damaged"):
            read(path, "a.jpg")
    assert zlib.crc32(IMAGE) != zlib.crc32(IMAGE[:-1])


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_of_another_length_than_listed_is_rejected(
    tmp_path, compression, change
):
    path = write(tmp_path / "a.zip", [("a.jpg", IMAGE)], compression)
    data = bytearray(pathlib.Path(path).read_bytes())
    place = data.index(b"PK\1\2") + 24
    data[place : place + 4] = (len(IMAGE) + change).to_bytes(4, "little")
    pathlib.Path(path).write_bytes(data)
    with pytest.raises(headers.ImageError, match="damaged"):
        read(path, "a.jpg")


def test_damaged_archives_are_named(tmp_path):
    path = write(tmp_path / "a.zip", [("a.jpg", IMAGE)])
    data = (tmp_path / "a.zip").read_bytes()
    for damaged in (data[:-10], b"", data[: len(data) // 2]):
        (tmp_path / "a.zip").write_bytes(damaged)
        with pytest.raises(errors.DataError, match=r"a\.zip is damaged or is not"):
            zip_members.list_members(path)
    (tmp_path / "a.zip").unlink()
    with pytest.raises(errors.DataError, match="is missing"):
        zip_members.list_members(path)


def test_an_archive_that_changed_is_refused(tmp_path):
    path = write(tmp_path / "a.zip", [("a.jpg", IMAGE)])
    found, members = zip_members.list_members(path)
    members = pickle.loads(pickle.dumps(members))
    with pytest.raises(errors.DataError, match="begins here any more"):
        members.read(found["a.jpg"][0], path, lambda at, count: bytes(count))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
