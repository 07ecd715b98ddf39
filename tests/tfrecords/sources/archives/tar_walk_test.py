import io
import os
import re
import sys
import tarfile
import time

import pytest

from tests import archives
from tfrecords import errors
from tfrecords.sources.archives import archive_reader, tar_walk

PATTERN = re.compile(rb"n01440764_\d+\.JPEG")
ROWS = [(f"n01440764_{i}.JPEG", bytes([65 + i]) * (300 * i)) for i in range(6)]


def list_members(data: bytes, **arguments) -> list[tuple[str, bytes]]:
    reader = tar_walk.BytesReader("x.tar", data)
    return [
        (m.name.decode(), data[m.offset : m.offset + m.num_bytes])
        for m in tar_walk.walk(reader, PATTERN, **arguments)
    ]


END = bytes(1024)


def test_yields_what_was_written():
    assert list_members(archives.make_tar(ROWS)) == ROWS


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT])
def test_agrees_with_tarfile_on_offsets(tar_format):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tar_format) as tar:
        for name, data in ROWS:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        expected = [(m.name.encode(), m.offset_data, m.size) for m in tar]
    reader = tar_walk.BytesReader("x.tar", stream.getvalue())
    assert [tuple(m) for m in tar_walk.walk(reader, PATTERN)] == expected


def test_walks_an_inner_tar_between_two_members_of_the_outer():
    inner = {f"n0144076{i}.tar": archives.make_tar(ROWS[: i + 1]) for i in range(3)}
    data = archives.make_tar(inner.items())
    reader = tar_walk.BytesReader("x.tar", data)
    found = {}
    for outer in tar_walk.walk(reader, re.compile(rb"n\d{8}\.tar")):
        end = outer.offset + outer.num_bytes
        found[outer.name] = list_members(data, start=outer.offset, end=end)
    assert list(found.values()) == [ROWS[:1], ROWS[:2], ROWS[:3]]


def test_no_truncation_loses_a_member_silently():
    data = archives.make_tar(ROWS)
    last_data_end = len(data.rstrip(b"\0"))
    needed = -(-last_data_end // 512) * 512 + 1024
    refused = accepted = 0
    for boundary in range(0, len(data) + 1, 512):
        for cut in (
            boundary - 511,
            boundary - 1,
            boundary,
            boundary + 1,
            boundary + 511,
        ):
            if not 0 <= cut <= len(data):
                continue
            try:
                assert list_members(data[:cut]) == ROWS
                assert cut >= needed
                accepted += 1
            except errors.DataError as error:
                assert cut < needed, cut
                assert "byte" in str(error)
                refused += 1
    # Five cuts at each boundary, some outside the file.
    assert refused > 80 and accepted > 3


def test_no_changed_header_byte_loses_a_member_silently():
    data = archives.make_tar(ROWS)
    starts = [
        m.offset - 512
        for m in tar_walk.walk(tar_walk.BytesReader("x.tar", data), PATTERN)
    ]
    for start in starts:
        for position in range(start, start + 512):
            damaged = bytearray(data)
            damaged[position] ^= 0x41
            with pytest.raises(errors.DataError, match=rf"x\.tar, byte {start}:"):
                list_members(bytes(damaged))


def test_a_header_of_zeros_is_no_end():
    data = archives.make_tar(ROWS)
    for member in tar_walk.walk(tar_walk.BytesReader("x.tar", data), PATTERN):
        start = member.offset - 512
        damaged = data[:start] + bytes(512) + data[start + 512 :]
        with pytest.raises(errors.DataError, match="follows the zeros"):
            list_members(damaged)


def test_two_joined_archives_are_refused():
    with pytest.raises(errors.DataError, match="two archives were joined"):
        list_members(archives.make_tar(ROWS[:2]) + archives.make_tar(ROWS[2:]))


def test_base_256_sizes():
    size = b"\x80" + (5).to_bytes(11, "big")
    assert list_members(archives.make_tar_member(size=size) + END) == [
        ("n01440764_1.JPEG", b"bytes")
    ]


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (b"\xff" * 11 + b"\xfb", "negative size"),
        (b"\x80" + (1 << 63).to_bytes(11, "big"), "1,536 are left"),
        (b"77777777777\0", "1,536 are left"),
        (b"0000000-005\0", "octal"),
        (b"0000000000a\0", "octal"),
        (b"\0" * 12, "octal"),
        (b"\x81" + bytes(11), "octal"),
    ],
)
def test_wrong_sizes_are_refused(size, sentence):
    with pytest.raises(errors.DataError, match=sentence):
        list_members(archives.make_tar_member(size=size) + END)


@pytest.mark.parametrize(
    "name",
    [
        b"../n01440764_1.JPEG",
        b"/n01440764_1.JPEG",
        b"",
        b".",
        b"n01440764_1.JPEG\n",
        b"n01440764_1.jpeg",
        b"n01440764_\xff.JPEG",
        b"x" * 100,
    ],
)
def test_other_names_are_refused(name):
    with pytest.raises(errors.DataError, match="names like n01440764_1"):
        list_members(archives.make_tar_member(name=name) + END)


@pytest.mark.parametrize(
    "name", [b"/dir/n01440764_1.JPEG", b"a/../n01440764_1.JPEG", b"a//n01440764_1.JPEG"]
)
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(errors.DataError, match="names like n01440764_1"):
        list_members(archives.make_tar_member(name=name) + END)


@pytest.mark.parametrize("name", [b"./n01440764_1.JPEG", b"a/b/n01440764_1.JPEG"])
def test_folders_before_a_name_are_left_away(name):
    found = list_members(archives.make_tar_member(name=name) + END)
    assert found == [("n01440764_1.JPEG", b"bytes")]
    twice = archives.make_tar_member(name=name) + archives.make_tar_member()
    with pytest.raises(errors.DataError, match="second member"):
        list_members(twice + END)


def test_the_folder_in_a_prefix_is_left_away():
    header = bytearray(archives.make_tar_member())
    header[345:348] = b"dir"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    assert list_members(bytes(header) + END) == [("n01440764_1.JPEG", b"bytes")]


EMPTY = b"00000000000\0"


@pytest.mark.parametrize(
    "other",
    [
        archives.make_tar_member(b"./", EMPTY, b"5", b""),
        archives.make_tar_member(b"folder", EMPTY, b"5", b""),
        archives.make_tar_member(b"folder/", EMPTY, b"\0", b""),
        archives.make_tar_member(b"._n01440764_1.JPEG"),
        archives.make_tar_member(b"./._n01440764_1.JPEG"),
        archives.make_tar_member(b".DS_Store"),
        archives.make_tar_member(b".trash/n01440764_1.JPEG"),
    ],
)
def test_folders_and_hidden_files_are_checked_and_stepped_over(other):
    image = archives.make_tar_member()
    for data in (other + image, image + other):
        assert list_members(data + END) == [("n01440764_1.JPEG", b"bytes")]
    damaged = bytearray(other)
    damaged[0] ^= 1
    with pytest.raises(errors.DataError, match="checksum"):
        list_members(bytes(damaged) + image + END)


def test_no_changed_byte_of_an_extended_header_loses_a_member_silently():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in ROWS[:2]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.pax_headers = {"path": name}
            tar.addfile(member, io.BytesIO(data))
    data = stream.getvalue()
    records = [i for i in range(512, len(data), 512) if b" path=" in data[i : i + 9]]
    assert len(records) == 2
    num_refused = 0
    for start in records:
        for position in range(start, start + 30):
            for bit in range(8):
                damaged = bytearray(data)
                damaged[position] ^= 1 << bit
                try:
                    found = list_members(bytes(damaged))
                except errors.DataError:
                    num_refused += 1
                    continue
                # A key or a digit of the name may have become another.
                assert [contents for _, contents in found] == [d for _, d in ROWS[:2]]
    assert num_refused > 300


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"5", b"6", b"S", b"V"])
def test_what_is_no_file_is_refused_or_stepped_over(kind):
    other = archives.make_tar_member(kind=kind)
    data = other + archives.make_tar_member(name=b"n01440764_2.JPEG") + END
    sentence = "folder .* has 5 bytes" if kind == b"5" else "only files are expected"
    with pytest.raises(errors.DataError, match=sentence):
        list_members(data)
    assert list_members(data, skip_others=True) == [("n01440764_2.JPEG", b"bytes")]


def test_more_zeros_than_tar_writes_are_noted_or_an_error():
    images = archives.make_tar_member() + archives.make_tar_member(b"n01440764_2.JPEG")
    expected = [("n01440764_1.JPEG", b"bytes"), ("n01440764_2.JPEG", b"bytes")]
    # What tar writes at most: two blocks, and nineteen to fill the record.
    assert list_members(images + bytes(21 * 512)) == expected
    notes = []
    assert list_members(images + bytes(22 * 512), padding_notes=notes) == expected
    assert len(notes) == 1
    assert "x.tar, byte 2048: 11,264 bytes of zeros" in notes[0]
    with pytest.raises(errors.DataError, match=r"byte 2048: 11,264 bytes of zeros"):
        list_members(images + bytes(22 * 512))
    with pytest.raises(errors.DataError, match="follows the zeros"):
        list_members(images + bytes(22 * 512) + b"x" * 512, padding_notes=notes)


def test_zeros_over_the_last_members_are_noticed():
    rows = [(f"n01440764_{i}.JPEG", b"x" * 6000) for i in range(9)]
    data = archives.make_tar(rows)
    start = 7 * (512 + 6144)
    assert data[start:].startswith(b"n01440764_7.JPEG")
    zeroed = data[:start] + bytes(len(data) - start)
    with pytest.raises(errors.DataError, match="zeros may have replaced"):
        list_members(zeroed)
    assert list_members(data) == rows


def test_the_old_file_type_is_a_file():
    assert len(list_members(archives.make_tar_member(kind=b"\0") + END)) == 1


def test_a_name_that_comes_twice_is_refused():
    with pytest.raises(errors.DataError, match="byte 1024: a second member"):
        list_members(archives.make_tar_member() * 2 + END)


def test_an_endless_tail_of_zeros_is_refused(tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(archives.make_tar_member())
    os.truncate(path, 1 << 40)
    with (
        archive_reader.ArchiveReader(str(path), compute_md5=False) as reader,
        pytest.raises(errors.DataError, match="bytes follow"),
    ):
        list(tar_walk.walk(reader, PATTERN))


def test_a_hundred_thousand_empty_members_end_soon():
    members = [(f"n01440764_{i}.JPEG", b"") for i in range(1000)]
    blocks = archives.make_tar(members)[: 512 * 1000]
    data = b"".join(
        archives.make_tar_member(b"n01440764_%d.JPEG" % i, b"00000000000\0")[:512]
        for i in range(1000, 100_000)
    )
    start = time.process_time()
    assert len(list_members(blocks + data + END)) == 100_000
    assert time.process_time() - start < 5.0


def test_reads_a_small_gzip_tar_whole(tmp_path):
    path = archives.write_file(tmp_path, "a.tar.gz", archives.make_tar(ROWS, "w:gz"))
    members = tar_walk.read_gzip_tar(path, 1 << 20)
    assert {name: bytes(data) for name, data in members.items()} == dict(ROWS)


def test_a_gzip_tar_that_is_too_large_is_refused(tmp_path):
    rows = [("zeros", bytes(1 << 20))]
    path = archives.write_file(tmp_path, "a.tar.gz", archives.make_tar(rows, "w:gz"))
    with pytest.raises(errors.DataError, match="unpacks to more than"):
        tar_walk.read_gzip_tar(path, 1 << 20)


def test_no_damage_of_a_gzip_tar_changes_what_is_read(tmp_path):
    rows = [("a", os.urandom(100))]
    data = archives.make_tar(rows, "w:gz")
    path = tmp_path / "a.tar.gz"
    # Bytes 4 to 9 of a gzip file hold a date and a system, which change nothing; the
    # name that Python writes from 10 on ends with a zero.
    name_end = data.index(b"\0", 10) + 1 if data[3] & 8 else 10
    places = [0, 1, 2, *range(name_end, len(data))]
    num_refused = 0
    for i in places:
        damaged = bytearray(data)
        damaged[i] ^= 0x41
        path.write_bytes(damaged)
        try:
            assert dict(rows) == tar_walk.read_gzip_tar(str(path), 1 << 20)
        except errors.DataError:
            num_refused += 1
        path.write_bytes(data[:i])
        with pytest.raises(errors.DataError):
            tar_walk.read_gzip_tar(str(path), 1 << 20)
    # The compressed stream's last byte may hold bits that mean nothing.
    assert num_refused >= len(places) - 1


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
