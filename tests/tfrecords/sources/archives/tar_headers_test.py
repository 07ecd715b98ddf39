"""Headers of a tar, above all those that change the next one."""

import bz2
import gzip
import io
import lzma
import random
import sys
import tarfile
import zipfile

import pytest

from tests import archives
from tfrecords import errors
from tfrecords.sources.archives import tar_headers, tar_walk

END = bytes(1024)


def read(data: bytes, offset: int = 0):
    reader = tar_walk.BytesReader("x.tar", data)
    return tar_headers.HeaderReader(reader, len(data), "").read(offset)


def make_extended(kind: bytes, data: bytes) -> bytes:
    return archives.make_tar_member(b"extended", b"%011o\0" % len(data), kind, data)


def make_record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while len(b"%d" % length) + len(body) != length:
        length += 1
    return b"%d" % length + body


PATH = make_record(b"path", b"./n01440764_7.JPEG")


@pytest.mark.parametrize("tar_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_agrees_with_tarfile_on_long_names(tar_format):
    names = ["a" * 150 + "/x", "short", "\u00f6" * 120]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tar_format) as tar:
        for i, name in enumerate(names):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = i, 0.5
            tar.addfile(member, io.BytesIO(b"x" * i))
    data = stream.getvalue()
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        expected = [(m.name, m.offset_data, m.size) for m in tar]
    found, offset = [], 0
    while header := read(data, offset):
        found.append((header.name.decode(), header.data_offset, header.num_bytes))
        offset = header.next_offset
    assert found == expected
    assert [name for name, _, _ in found] == names


@pytest.mark.parametrize(
    "extended",
    [
        make_extended(b"x", PATH + make_record(b"mtime", b"1.5")),
        make_extended(b"x", make_record(b"comment", b"a=b\nc") + PATH),
        make_extended(b"L", b"./n01440764_7.JPEG\0"),
        make_extended(b"g", make_record(b"comment", b"c")) + make_extended(b"x", PATH),
    ],
)
def test_an_extended_name_replaces_the_next_one_alone(extended):
    data = extended + archives.make_tar_member() + archives.make_tar_member() + END
    first = read(data)
    assert (first.name, first.num_bytes) == (b"./n01440764_7.JPEG", 5)
    assert read(data, first.next_offset).name == b"n01440764_1.JPEG"


def test_a_size_in_a_pax_header_counts():
    # As for files of 8 GiB and more, whose header block has no room for the size.
    size = make_extended(b"x", make_record(b"size", b"700"))
    data = archives.make_tar_member(size=b"00000000000\0", data=b"x" * 700)
    header = read(size + data + END)
    assert header.num_bytes == 700
    assert read(size + data + END, header.next_offset) is None


@pytest.mark.parametrize(
    ("extended", "sentence"),
    [
        (make_extended(b"x", make_record(b"size", b"999999")), "should have 999,999"),
        (make_extended(b"x", make_record(b"size", b"9" * 30)), "the size"),
        (make_extended(b"x", make_record(b"size", b"-5")), "the size b'-5'"),
        (make_extended(b"x", make_record(b"size", b"")), "the size b''"),
        (make_extended(b"g", make_record(b"size", b"5")), "all members one size"),
        (make_extended(b"g", PATH), "all members one path"),
        (make_extended(b"x", make_record(b"GNU.sparse.major", b"1")), "sparse"),
        (make_extended(b"x", PATH[:-1]), "record of the pax header is damaged"),
        (make_extended(b"x", PATH + b"\0"), "record of the pax header is damaged"),
        (make_extended(b"x", b"12 path"), "record of the pax header is damaged"),
        (make_extended(b"x", b"999 path=a\n"), "record of the pax header is damaged"),
        (make_extended(b"x", b"0 path=a\n"), "record of the pax header is damaged"),
        (make_extended(b"x", make_record(b"c", b"x" * (1 << 20))), "longer than any"),
        (make_extended(b"L", b"x" * (1 << 21)), "longer than any name"),
        (make_extended(b"x", PATH)[:512], "record of the pax header is damaged"),
    ],
)
def test_a_damaged_or_hostile_extended_header_is_refused(extended, sentence):
    with pytest.raises(errors.DataError, match=sentence):
        read(extended + archives.make_tar_member() + END)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_an_archive_does_not_end_with_an_extended_header(kind):
    data = make_extended(kind, b"" if kind in b"xg" else b"name\0")
    with pytest.raises(errors.DataError, match="extended header"):
        read(data + END)


def test_an_extended_header_that_does_not_fit_is_refused():
    data = archives.make_tar_member(size=b"00000007777\0", kind=b"x")
    with pytest.raises(errors.DataError, match=r"4,095 bytes, but 1,536"):
        read(data + END)


@pytest.mark.parametrize(
    ("module", "name"), [(gzip, "gzip"), (bz2, "bzip2"), (lzma, "xz")]
)
def test_a_compressed_archive_is_named_with_the_remedy(module, name):
    tar = archives.make_tar_member(data=random.Random(0).randbytes(2000)) + END
    with pytest.raises(
        errors.DataError, match=rf"x\.tar is compressed \({name}\)"
    ) as e:
        read(module.compress(tar))
    assert "Decompress it" in str(e.value) and "MD5" not in str(e.value)


def test_a_zip_archive_is_named_with_the_remedy():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("n01440764.tar", bytes(1000))
    with pytest.raises(errors.DataError, match=r"compressed \(zip\)"):
        read(stream.getvalue())


def test_a_members_name_may_begin_like_a_compressed_file():
    tar = archives.make_tar_member(b"BZh_1.JPEG") + END
    assert read(tar).name == b"BZh_1.JPEG"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
