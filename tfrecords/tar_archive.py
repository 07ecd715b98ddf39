"""Tar archives walked header by header, every check made; nothing is extracted.

Python's `tarfile` ends its iteration without a word at the first damaged header, and
so loses the rest of an archive. Here a header is right or the walk stops with a
`DataError` that names the byte; the walk ends only at the two blocks of zeros that
close a tar, with zeros alone after them. Damage inside a member's data cannot be seen
from the headers: that is what the MD5 sum and the decoder are for.

Format: POSIX.1-1988 ustar, pax(1) of POSIX.1-2017; sizes of 8 GiB and more as GNU tar
writes them (base 256).
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple, NoReturn, Protocol

from tfrecords import durable, errors

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_PADDING_READ_BYTES = 1 << 16
# GNU tar pads to 10 KiB by default and to at most a few MiB when asked; a file of
# which gigabytes are zeros was preallocated and never filled.
_MAX_PADDING_BYTES = 64 << 20
_FILE_TYPES = (b"0", b"\0")
_TYPE_NAMES = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"5": "a directory",
    b"6": "a pipe",
    b"L": "a GNU long name",
    b"K": "a GNU long link",
    b"S": "a sparse file",
    b"x": "a pax header",
    b"g": "a pax header",
}


class Member(NamedTuple):
    """A file in an archive: its name, where its bytes begin, and how many they are."""

    name: bytes
    offset: int
    num_bytes: int


class ByteReader(Protocol):
    """What is walked: a path for the sentences, a size, and bytes by offset."""

    path: str
    num_bytes: int

    def read_at(self, offset: int, count: int) -> bytes:
        """The `count` bytes from `offset`, fewer only at the end."""


class _Walk:
    """The checks of one walk, and the place that their sentences name."""

    def __init__(self, reader: ByteReader, within: str):
        self._path, self._within = reader.path, within

    def fail(self, offset: int, problem: str) -> NoReturn:
        within = f" (in {self._within})" if self._within else ""
        raise errors.DataError(
            f"{self._path}{within}, byte {offset}: {problem}. Compare the "
            "file's size and MD5 sum with the official ones and download it again."
        )

    def parse_number(self, field: bytes, offset: int, what: str) -> int:
        if field[0] == 0x80:
            return int.from_bytes(field[1:], "big")
        if field[0] == 0xFF:
            self.fail(offset, f"the header gives a negative {what}")
        digits = field.lstrip(b" ").rstrip(b" \0")
        if not digits or digits.strip(b"01234567"):
            self.fail(offset, f"the header's {what} is no octal number ({field!r})")
        return int(digits, 8)

    def parse_header(self, header: bytes, offset: int) -> tuple[bytes, bytes, int]:
        """The (name, type, size) of a header whose checksum is right."""
        stored = self.parse_number(header[148:156], offset, "checksum")
        # The checksum's own eight bytes count as spaces.
        if stored != sum(header) - sum(header[148:156]) + 8 * ord(" "):
            self.fail(offset, "the header does not agree with its checksum")
        name = header[:100].split(b"\0", 1)[0]
        if header[257:263] == b"ustar\0" and header[345]:
            name = header[345:500].split(b"\0", 1)[0] + b"/" + name
        size = self.parse_number(header[124:136], offset, "size")
        return name, header[156:157], size


def walk(
    reader: ByteReader,
    pattern: re.Pattern[bytes],
    *,
    start: int = 0,
    end: int | None = None,
    within: str = "",
    skip_other_types: bool = False,
) -> Iterator[Member]:
    """Walks the members of the tar in bytes [start, end) of `reader`.

    Offsets are read in rising order, also when the walk of an inner tar comes between
    two members of the outer.

    Args:
      reader: the file that holds the tar.
      pattern: what a file's whole name must match.
      start: where the tar begins in the file, bytes.
      end: where it ends; the file's end by default.
      within: the inner tar's name, for sentences.
      skip_other_types: steps over what is no file (directories, long names) instead
        of refusing it, and over files whose names do not match. Only for small
        archives whose bytes another checksum guards.

    Yields:
      The files, in the archive's order; offsets are the file's, not the inner tar's.

    Raises:
      DataError: at the first byte that is not as it must be.
    """
    end = reader.num_bytes if end is None else end
    checks = _Walk(reader, within)
    seen: set[bytes] = set()
    offset = start
    while True:
        header = reader.read_at(offset, min(_BLOCK, end - offset))
        if len(header) < _BLOCK:
            checks.fail(
                offset,
                "the archive stops without the two blocks of zeros that close a tar; "
                "it was cut short",
            )
        if header == _ZEROS:
            break
        name, kind, size = checks.parse_header(header, offset)
        data_offset = offset + _BLOCK
        if size > end - data_offset:
            checks.fail(
                offset,
                f"the member {_show(name)} should have {size:,} bytes, of which "
                f"{end - data_offset:,} are there",
            )
        next_offset = data_offset + -(-size // _BLOCK) * _BLOCK
        if kind in _FILE_TYPES and pattern.fullmatch(name):
            if name in seen:
                checks.fail(offset, f"a second member is called {_show(name)}")
            seen.add(name)
            yield Member(name, data_offset, size)
        elif not skip_other_types:
            if kind not in _FILE_TYPES:
                kind_name = _TYPE_NAMES.get(kind, f"of type {kind!r}")
                checks.fail(
                    offset,
                    f"the member {_show(name)} is {kind_name}; only files are expected",
                )
            checks.fail(
                offset,
                f"a member is called {_show(name)}; expected were names like "
                f"{_make_example(pattern)}",
            )
        offset = next_offset
    _check_padding(reader, checks, offset, end)


def _make_example(pattern: re.Pattern[bytes]) -> str:
    # A name that matches a pattern made of letters, dots, digits and groups.
    text = re.sub(
        r"\\d\{(\d+)\}", lambda m: "0" * (int(m[1]) - 1) + "1", pattern.pattern.decode()
    )
    return text.replace("\\d+", "1").replace("\\.", ".").translate({40: "", 41: ""})


def _check_padding(reader: ByteReader, checks: _Walk, offset: int, end: int) -> None:
    if end - offset < 2 * _BLOCK:
        checks.fail(
            offset, "one block of zeros closes the archive where two must; it was cut"
        )
    if end - offset > _MAX_PADDING_BYTES:
        checks.fail(
            offset,
            f"the archive's end is marked here, yet {end - offset:,} bytes follow",
        )
    while offset < end:
        padding = reader.read_at(offset, min(_PADDING_READ_BYTES, end - offset))
        if rest := padding.lstrip(b"\0"):
            checks.fail(
                offset + len(padding) - len(rest),
                "something follows the zeros that mark the archive's end: a header "
                "before it was overwritten, or two archives were joined",
            )
        if not padding:
            checks.fail(offset, "the file became shorter while it was read")
        offset += len(padding)


def _show(name: bytes) -> str:
    return ascii(name.decode("utf-8", "backslashreplace"))


class BytesReader:
    """A `ByteReader` of bytes in memory."""

    def __init__(self, path: str, data: bytes):
        self.path, self.num_bytes, self._data = path, len(data), data

    def read_at(self, offset: int, count: int) -> bytes:
        """The `count` bytes from `offset`, fewer only at the end."""
        return self._data[offset : offset + count]


def read_gzip_tar(path: str, max_bytes: int) -> dict[str, memoryview]:
    """Reads a small `.tar.gz` into memory whole; its checksum is verified.

    Args:
      path: the file.
      max_bytes: the most that it may hold when unpacked; a limit on what a hostile
        file can cost.

    Returns:
      The contents of its files by name; what is no file is left out.

    Raises:
      DataError: if it is no gzip file, damaged, too large or no tar.
      StorageError: if it cannot be read.
    """
    try:
        with durable.read_errors(path), gzip.open(path) as file:
            try:
                data = file.read(max_bytes + 1)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise errors.DataError(
                    f"{path} is damaged or is no gzip file ({error}). Download it "
                    "again, and let no browser unpack it."
                ) from error
    except MemoryError as error:
        raise errors.DataError(
            f"{path} does not fit into this machine's memory when unpacked."
        ) from error
    if len(data) > max_bytes:
        raise errors.DataError(
            f"{path} unpacks to more than {max_bytes:,} bytes, which the official "
            "archive does not. Download it again."
        )
    view = memoryview(data)
    return {
        member.name.decode("utf-8", "backslashreplace"): view[
            member.offset : member.offset + member.num_bytes
        ]
        for member in walk(
            BytesReader(path, data),
            re.compile(rb".*", re.DOTALL),
            skip_other_types=True,
        )
    }
