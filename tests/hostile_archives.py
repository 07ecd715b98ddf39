"""Tars and zips that were made to write elsewhere, to never end, or to fill memory.

`CASES` has a function for each archive by name that writes it to a path. Every archive
holds two classes of good images first, so that a reader which skips what it does not
like has something to convert.
"""

from __future__ import annotations

import gzip
import io
import os
import pathlib
import tarfile
import zipfile
from collections.abc import Callable

from tests import archives

# A file of this name outside of the output is an escape.
CANARY = "canary.jpg"
_IMAGE = archives.make_image(3)
_GOOD = {
    f"{name}/{row}.jpg": archives.make_image(10 * label + row)
    for label, name in enumerate(("cat", "dog"))
    for row in range(2)
}
_END = bytes(1024)
_EMPTY = b"00000000000\0"

CASES: dict[str, tuple[str, Callable[[pathlib.Path], None]]] = {}


def _size(data: bytes) -> bytes:
    return b"%011o\0" % len(data)


_START = b"".join(
    archives.make_tar_member(name.encode(), _size(data), data=data)
    for name, data in _GOOD.items()
)


def _add_tar(name: str, *parts: bytes, end: bytes = _END) -> None:
    data = b"".join((_START, *parts, end))
    CASES[f"tar with {name}"] = "a.tar", lambda path: _write(path, data)


def _write(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(data)


def _make_image_member(name: bytes) -> bytes:
    return archives.make_tar_member(name, _size(_IMAGE), data=_IMAGE)


def _make_extended(kind: bytes, data: bytes) -> bytes:
    return archives.make_tar_member(b"extended", _size(data), kind, data)


def _make_record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while len(b"%d" % length) + len(body) != length:
        length += 1
    return b"%d" % length + body


_NAMES = {
    "a name that goes up": b"../canary.jpg",
    "a name that goes up twice": b"cat/../../canary.jpg",
    "a name that goes far up": b"../" * 20 + b"tmp/canary.jpg",
    "an absolute name": b"/tmp/canary.jpg",
    "a name of dots": b"..",
    "a name of one dot": b".",
    "no name": b"",
    "a name with a zero": b"cat/a\0b.jpg",
    "a name with a line's end": b"cat/a\n.jpg",
    "a name with a terminal's escape": b"cat/\x1b]0;x\x07.jpg",
    "a name that is not UTF-8": b"cat/\xff\xfe.jpg",
    "a name with backslashes": b"cat\\..\\..\\canary.jpg",
    "a name with two slashes": b"cat//canary.jpg",
    "a name that begins with a dash": b"-rf/canary.jpg",
    "a name like a shard": b"cat/train-00000-of-00001",
    "the same name twice": b"cat/0.jpg",
    "a class without end": b"/".join([b"a"] * 49),
}
for _name, _bytes in _NAMES.items():
    _add_tar(_name, _make_image_member(_bytes))
for _name, _bytes in _NAMES.items():
    if len(_bytes) > 4:
        _add_tar(
            f"{_name} (GNU)",
            _make_extended(b"L", _bytes + b"\0"),
            _make_image_member(b"cat/x.jpg"),
        )
for _name, _bytes in {
    "up": b"../canary.jpg",
    "from the root": b"/tmp/canary.jpg",
    "of 5,000 letters": b"cat/" + b"x" * 5000 + b".jpg",
}.items():
    _add_tar(
        f"a pax name {_name}",
        _make_extended(b"x", _make_record(b"path", _bytes)),
        _make_image_member(b"cat/x.jpg"),
    )

for _name, _kind in {
    "a hard link": b"1",
    "a symbolic link": b"2",
    "a character device": b"3",
    "a block device": b"4",
    "a pipe": b"6",
    "a contiguous file": b"7",
    "a sparse file": b"S",
    "a volume": b"V",
    "a dump's folder": b"D",
    "an unknown type": b"Z",
}.items():
    _add_tar(_name, archives.make_tar_member(b"cat/x.jpg", _EMPTY, _kind, b""))


def _make_link_and_file(path: pathlib.Path) -> None:
    """A link to the folder above, and a file through it."""
    with tarfile.open(path, "w") as tar:
        for name, data in _GOOD.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("cat/up")
        link.type, link.linkname = tarfile.SYMTYPE, "../.."
        tar.addfile(link)
        member = tarfile.TarInfo(f"cat/up/{CANARY}")
        member.size = len(_IMAGE)
        tar.addfile(member, io.BytesIO(_IMAGE))


CASES["tar with a file through a link"] = "a.tar", _make_link_and_file

for _name, _number in {
    "2^63 bytes": b"\x80" + (1 << 63).to_bytes(11, "big"),
    "2^88 - 1 bytes": b"\x80" + b"\xff" * 11,
    "-5 bytes": b"\xff" * 11 + b"\xfb",
    "-512 bytes": b"\xff" * 10 + b"\xfe\0",
    "8 GiB - 1 bytes": b"77777777777\0",
    "no number of bytes": b"zzzzzzzzzzz\0",
    "blanks for bytes": b" " * 12,
}.items():
    _add_tar(f"a file of {_name}", archives.make_tar_member(b"cat/x.jpg", _number))
_SIZES = {b"9" * 30: "10^30 - 1", b"-512": "-512", b"1e3": "1e3", b"": "no"}
for _digits, _name in _SIZES.items():
    _add_tar(
        f"a pax size of {_name} bytes",
        _make_extended(b"x", _make_record(b"size", _digits)),
        _make_image_member(b"cat/x.jpg"),
    )
_add_tar(
    "a global pax path",
    _make_extended(b"g", _make_record(b"path", b"../canary.jpg")),
    _make_image_member(b"cat/x.jpg"),
)
_add_tar("10,000 pax headers", _make_extended(b"x", _make_record(b"a", b"b")) * 10_000)
_add_tar("nothing at its end", end=b"")
_add_tar("another tar behind it", _END, _START)


def _make_empty_files(path: pathlib.Path) -> None:
    files = (
        archives.make_tar_member(b"cat/%d.jpg" % number, _EMPTY, data=b"")
        for number in range(10, 10_010)
    )
    path.write_bytes(b"".join([_START, *files, _END]))


def _make_long_header(path: pathlib.Path) -> None:
    num_bytes = 256 << 20
    size = b"%011o\0" % num_bytes
    path.write_bytes(_START + archives.make_tar_member(b"x", size, b"x", b""))
    os.truncate(path, path.stat().st_size + num_bytes + len(_END))


def _make_endless(path: pathlib.Path) -> None:
    path.write_bytes(_START)
    os.truncate(path, 1 << 40)


def _make_gzip_bomb(path: pathlib.Path) -> None:
    path.write_bytes(gzip.compress(_START + bytes(500_000_000), 1))


CASES["tar with 10,000 empty files"] = "a.tar", _make_empty_files
CASES["tar with a pax header of 256 MiB"] = "a.tar", _make_long_header
CASES["tar with a terabyte of zeros at its end"] = "a.tar", _make_endless
CASES["tar that is a gzip bomb"] = "a.tar", _make_gzip_bomb


def _add_zip(name: str, add: Callable[[zipfile.ZipFile], None]) -> None:
    def write(path: pathlib.Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            for member, data in _GOOD.items():
                file.writestr(member, data)
            add(file)

    CASES[f"zip with {name}"] = "a.zip", write


for _name, _bytes in _NAMES.items():
    _text = _bytes.decode("latin1")
    if _bytes and b"\0" not in _bytes:
        _add_zip(_name, lambda file, text=_text: file.writestr(text, _IMAGE))


def _add_link(file: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("cat/x.jpg")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    file.writestr(info, "/etc/passwd")


def _add_bomb(file: zipfile.ZipFile) -> None:
    file.writestr("cat/x.jpg", bytes(500_000_000))


_add_zip("a link", _add_link)
_add_zip("a bomb", _add_bomb)
