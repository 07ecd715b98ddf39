"""Reads and checks the headers of a tar archive, and applies extended headers.

A file's name and size are in its header block or in a header before it: a pax header
(written by Python and BSD tar), or GNU tar's long name. A valid header after the file
proves that the size is right.

Format: POSIX.1-1988 ustar, pax(1) of POSIX.1-2017; long names, and sizes of 8 GiB and
more, as GNU tar writes them (base 256).
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn, Protocol

from tfrecords import errors

BLOCK_BYTES = 512
_ZEROS = bytes(BLOCK_BYTES)
_PAX, _GLOBAL_PAX, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"
_EXTENDED = {
    _PAX: "a pax header",
    _GLOBAL_PAX: "a global pax header",
    _LONG_NAME: "a GNU long name",
    _LONG_LINK: "a GNU long link",
}
# They hold names and dates; a larger one would only waste memory.
_MAX_EXTENDED_BYTES = 1 << 20
_SPARSE_PREFIX = b"GNU.sparse."
# The first bytes of compressed files.
_COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"(\xb5/\xfd": "zstd",
    b"PK\3\4": "zip",
}


class ByteReader(Protocol):
    """What holds the archive: a path for errors, a size, and access to its bytes."""

    path: str
    num_bytes: int

    def read_at(self, offset: int, count: int) -> bytes:
        """The `count` bytes from `offset`, fewer only at the end."""


class Header(NamedTuple):
    """A member's header."""

    offset: int  # of the header block in the file
    stored_name: bytes  # the name in the header block, covered by its checksum
    name: bytes  # the same, or that of an extended header, which no checksum covers
    kind: bytes  # the type flag, one byte
    num_bytes: int  # of the member's data, which follows the header block

    @property
    def data_offset(self) -> int:
        return self.offset + BLOCK_BYTES

    @property
    def next_offset(self) -> int:
        return self.data_offset + -(-self.num_bytes // BLOCK_BYTES) * BLOCK_BYTES


class HeaderReader:
    """Reads the headers of one tar; errors name the byte at fault.

    The tar ends at byte `end` of the reader's file. `within` is the name of an inner
    tar, for errors; "" for the outer one.
    """

    def __init__(self, reader: ByteReader, end: int, within: str):
        self._reader, self._end, self._within = reader, end, within

    def fail(self, offset: int, problem: str) -> NoReturn:
        """Raises `DataError` about the byte at `offset`."""
        within = f" (in {self._within})" if self._within else ""
        raise errors.DataError(
            f"{self._reader.path}{within}, byte {offset}: {problem}. Compare the "
            "file's size and MD5 sum with the official ones and download it again."
        )

    def read(self, offset: int) -> Header | None:
        """The next member's header, from `offset` on; None at the end of the tar.

        Raises:
          DataError: if a header is damaged or a member does not fit into the archive.
        """
        overrides: dict[bytes, bytes] = {}
        start = offset
        while True:
            block = self._reader.read_at(offset, min(BLOCK_BYTES, self._end - offset))
            if len(block) < BLOCK_BYTES:
                self.fail(
                    offset,
                    "the archive ends without the two blocks of zeros that close a "
                    "tar; it was cut short",
                )
            if block == _ZEROS:
                if offset != start:
                    self.fail(
                        offset,
                        "the archive's end is marked after an extended header, where a "
                        "member must follow",
                    )
                return None
            header = self._parse(block, offset)
            if header.kind not in _EXTENDED:
                return self._apply(header, overrides)
            self._check_fits(header)
            overrides |= self._read_extended(header)
            offset = header.next_offset

    def _refuse_compressed(self, block: bytes) -> None:
        """Raises `DataError` if the file begins like a compressed one."""
        if self._within or block[257:262] == b"ustar":
            return
        for start, name in _COMPRESSIONS.items():
            if block.startswith(start):
                raise errors.DataError(
                    f"{self._reader.path} is compressed ({name}) where a tar is "
                    "expected. Decompress it and give the result the same name."
                )

    def _parse(self, block: bytes, offset: int) -> Header:
        if offset == 0:
            self._refuse_compressed(block)
        stored = self._parse_number(block[148:156], offset, "checksum")
        # The checksum's own eight bytes count as spaces.
        if stored != sum(block) - sum(block[148:156]) + 8 * ord(" "):
            self.fail(offset, "the header does not match its checksum")
        name = block[:100].split(b"\0", 1)[0]
        if block[257:263] == b"ustar\0" and block[345]:
            name = block[345:500].split(b"\0", 1)[0] + b"/" + name
        size = self._parse_number(block[124:136], offset, "size")
        return Header(offset, name, name, block[156:157], size)

    def _apply(self, header: Header, overrides: dict[bytes, bytes]) -> Header:
        """The header, changed by the extended headers before it."""
        if b"path" in overrides:
            header = header._replace(name=overrides[b"path"])
        if b"size" in overrides:
            digits = overrides[b"size"]
            if not digits.isdigit() or len(digits) > 20:
                self.fail(header.offset, f"its pax header gives the size {digits!r}")
            header = header._replace(num_bytes=int(digits))
        self._check_fits(header)
        return header

    def _check_fits(self, header: Header) -> None:
        available = self._end - header.data_offset
        if header.num_bytes > available:
            self.fail(
                header.offset,
                f"the member {show(header.name)} should have {header.num_bytes:,} "
                f"bytes, but {available:,} are left",
            )

    def _read_extended(self, header: Header) -> dict[bytes, bytes]:
        """The values of an extended header for the next member, by pax key."""
        kind_name = _EXTENDED[header.kind]
        if header.num_bytes > _MAX_EXTENDED_BYTES:
            self.fail(
                header.offset,
                f"{kind_name} of {header.num_bytes:,} bytes is longer than any name",
            )
        data = self._reader.read_at(header.data_offset, header.num_bytes)
        if header.kind == _LONG_NAME:
            return {b"path": data.split(b"\0", 1)[0]}
        if header.kind == _LONG_LINK:
            return {}  # for a link, which is refused because of its own header
        records = self._parse_records(data, header.data_offset)
        if any(key.startswith(_SPARSE_PREFIX) for key in records):
            self.fail(header.offset, "a pax header announces a sparse file")
        # The others are dates, owners and comments.
        kept = (b"path", b"size")
        found = {key: value for key, value in records.items() if key in kept}
        if header.kind == _GLOBAL_PAX and found:
            self.fail(
                header.offset,
                f"a global pax header gives all members one {min(found).decode()}",
            )
        return found

    def _parse_records(self, data: bytes, offset: int) -> dict[bytes, bytes]:
        """Pax records: length in decimal, a space, key, "=", value, a line's end."""
        records: dict[bytes, bytes] = {}
        position = 0
        while position < len(data):
            digits = data[position : position + 8].split(b" ", 1)[0]
            length = int(digits) if digits.isdigit() else 0
            record = data[position : position + length]
            key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
            if len(record) != length or record[-1:] != b"\n" or not (key and equals):
                self.fail(offset + position, "a record of the pax header is damaged")
            records[key] = value
            position += length
        return records

    def _parse_number(self, field: bytes, offset: int, what: str) -> int:
        if field[0] == 0x80:
            return int.from_bytes(field[1:], "big")
        if field[0] == 0xFF:
            self.fail(offset, f"the header gives a negative {what}")
        digits = field.lstrip(b" ").rstrip(b" \0")
        if not digits or digits.strip(b"01234567"):
            self.fail(offset, f"the header's {what} is not an octal number ({field!r})")
        return int(digits, 8)


def show(name: bytes) -> str:
    """A member's name for an error message: quoted, in ASCII."""
    return ascii(name.decode("utf-8", "backslashreplace"))
