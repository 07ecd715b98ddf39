"""Walks tar archives header by header, with every check; nothing is extracted.

Python's `tarfile` silently ends its iteration at the first damaged header, and so loses
the rest of an archive. Here a damaged header raises a `DataError` that names the byte,
and the walk ends only at the two blocks of zeros that close a tar, with nothing but
zeros after them. Damage inside a member's data is not visible in the headers: the MD5
sum and the decoder find it.

Archives that a user has repacked are read like the official ones: folders, hidden files
(macOS adds a `._` file to each image) and extended headers are checked and skipped, and
folders before a file's name are dropped.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from tfrecords import errors
from tfrecords.durable import files
from tfrecords.sources.archives import tar_headers

_PADDING_READ_BYTES = 1 << 16
# Two blocks of zeros close a tar; more fill its last record of twenty blocks.
_USUAL_PADDING_BYTES = (2 + 19) * tar_headers.BLOCK_BYTES
# GNU tar can make records of at most a few MiB; a file that ends in gigabytes of zeros
# was preallocated and never filled.
_MAX_PADDING_BYTES = 64 << 20
_FILE_TYPES = (b"0", b"\0")
_DIRECTORY_TYPE = b"5"
_TYPE_NAMES = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a sparse file",
}


# For `walk`: every file, by its whole name, that is neither hidden nor outside.
ANY_FILE = re.compile(rb"(?:[^/.][^/]*/)*[^/.][^/]*")


class Member(NamedTuple):
    """A file in an archive: its name, where its bytes begin, and how many they are."""

    name: bytes
    offset: int
    num_bytes: int


def walk(
    reader: tar_headers.ByteReader,
    pattern: re.Pattern[bytes],
    *,
    start: int = 0,
    end: int | None = None,
    within: str = "",
    skip_others: bool = False,
    padding_notes: list[str] | None = None,
    example: str = "",
) -> Iterator[Member]:
    """Walks the members of the tar in bytes [start, end) of `reader`.

    Offsets increase, also if an inner tar is walked between two members of the outer.

    Args:
      reader: the file that holds the tar.
      pattern: must match a file's whole name, or its name without folders.
      start: where the tar begins in the file, bytes.
      end: where it ends; the file's end by default.
      within: the name of the inner tar, for errors.
      skip_others: skips links, devices and files whose names do not match, instead of
        refusing them. Only for small archives with another checksum over their bytes.
      padding_notes: more zeros at the end than tar writes may be a preallocated file,
        or zeros over the last members. They are noted in this list; without a list
        they are an error. An inner tar has no list: a member is not preallocated, and
        its size is exact.
      example: a name that matches, for errors; by default made from the pattern.

    Yields:
      The files, in the archive's order, with the name that matched; offsets are those
      in the outer file.

    Raises:
      DataError: at the first byte that is wrong.
    """
    end = reader.num_bytes if end is None else end
    headers = tar_headers.HeaderReader(reader, end, within)
    seen: set[bytes] = set()
    offset = start
    while header := headers.read(offset):
        offset = header.next_offset
        if _is_folder(header):
            continue
        parts = _split_name(header.name)
        if header.kind in _FILE_TYPES:
            name = _match_name(parts, pattern)
            if name is not None:
                if name in seen:
                    headers.fail(
                        header.offset,
                        f"a second member is called {tar_headers.show(name)}",
                    )
                seen.add(name)
                yield Member(name, header.data_offset, header.num_bytes)
                continue
            # A damaged extended header must not hide an image.
            if _is_hidden(parts) and _is_hidden(_split_name(header.stored_name)):
                continue
        if not skip_others:
            _refuse(headers, header, example or _make_example(pattern))
    note = _check_padding(reader, headers, offset, end)
    if note and padding_notes is None:
        headers.fail(offset, note)
    elif note and padding_notes is not None:
        padding_notes.append(f"{reader.path}, byte {offset}: {note}.")


def _is_folder(header: tar_headers.Header) -> bool:
    if header.num_bytes:
        return False
    # Before ustar, folders had no type of their own but a slash after the name.
    is_old = header.kind == b"\0" and header.name.endswith(b"/")
    return header.kind == _DIRECTORY_TYPE or is_old


def _is_hidden(parts: list[bytes]) -> bool:
    if any(part in (b"", b".", b"..") for part in parts):
        return False
    return any(part.startswith(b".") for part in parts)


def _split_name(name: bytes) -> list[bytes]:
    """The folders and the file, without the leading "./" that `tar -c .` writes."""
    parts = name.split(b"/")
    while len(parts) > 1 and parts[0] == b".":
        parts.pop(0)
    return parts


def _match_name(parts: list[bytes], pattern: re.Pattern[bytes]) -> bytes | None:
    whole = b"/".join(parts)
    if pattern.fullmatch(whole):
        return whole
    # Files in hidden folders are hidden; absolute and upward paths are refused.
    if any(not part or part.startswith(b".") for part in parts):
        return None
    return parts[-1] if pattern.fullmatch(parts[-1]) else None


def _refuse(
    headers: tar_headers.HeaderReader,
    header: tar_headers.Header,
    example: str,
) -> None:
    name = tar_headers.show(header.name)
    if header.kind == _DIRECTORY_TYPE:
        headers.fail(header.offset, f"the folder {name} has {header.num_bytes:,} bytes")
    if header.kind not in _FILE_TYPES:
        kind_name = _TYPE_NAMES.get(header.kind, f"of type {header.kind!r}")
        headers.fail(
            header.offset, f"the member {name} is {kind_name}; only files are expected"
        )
    headers.fail(
        header.offset,
        f"a member is called {name}; names like {example} are expected",
    )


def _make_example(pattern: re.Pattern[bytes]) -> str:
    # A name that matches a pattern made of letters, dots, digits and groups.
    text = re.sub(
        r"\\d\{(\d+)\}", lambda m: "0" * (int(m[1]) - 1) + "1", pattern.pattern.decode()
    )
    return text.replace("\\d+", "1").replace("\\.", ".").translate({40: "", 41: ""})


def _check_padding(
    reader: tar_headers.ByteReader,
    headers: tar_headers.HeaderReader,
    offset: int,
    end: int,
) -> str:
    """Checks what follows the last member; returns a note about it, or ""."""
    num_zeros = end - offset
    if num_zeros < 2 * tar_headers.BLOCK_BYTES:
        headers.fail(
            offset, "one block of zeros ends the archive instead of two; it was cut"
        )
    if num_zeros > _MAX_PADDING_BYTES:
        headers.fail(
            offset, f"the archive's end is marked here, but {num_zeros:,} bytes follow"
        )
    while offset < end:
        padding = reader.read_at(offset, min(_PADDING_READ_BYTES, end - offset))
        if rest := padding.lstrip(b"\0"):
            headers.fail(
                offset + len(padding) - len(rest),
                "something follows the zeros that mark the archive's end: a header "
                "before it was overwritten, or two archives were joined",
            )
        if not padding:
            headers.fail(offset, "the file became shorter while it was read")
        offset += len(padding)
    if num_zeros <= _USUAL_PADDING_BYTES:
        return ""
    return (
        f"{num_zeros:,} bytes of zeros follow the last member, but tar writes at most "
        f"{_USUAL_PADDING_BYTES:,}; zeros may have replaced the last images"
    )


class BytesReader:
    """A `tar_headers.ByteReader` of bytes in memory."""

    def __init__(self, path: str, data: bytes):
        self.path, self.num_bytes, self._data = path, len(data), data

    def read_at(self, offset: int, count: int) -> bytes:
        """The `count` bytes from `offset`, fewer only at the end."""
        return self._data[offset : offset + count]


def read_gzip_tar(path: str, max_bytes: int) -> dict[str, memoryview]:
    """The contents of a small `.tar.gz` by file name; verifies its checksum.

    `max_bytes` of unpacked size limit what a malicious file can cost.

    Raises:
      DataError: if it is not a gzip file, damaged, too large or not a tar.
      StorageError: if it cannot be read.
    """
    try:
        with files.read_errors(path), gzip.open(path) as file:
            try:
                data = file.read(max_bytes + 1)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise errors.DataError(
                    f"{path} is damaged or is not a gzip file ({error}). Download it "
                    "again, and make sure that the browser does not unpack it."
                ) from error
    except MemoryError as error:
        raise errors.DataError(
            f"{path} does not fit into memory when unpacked. End other programs, and "
            "run the same command again."
        ) from error
    if len(data) > max_bytes:
        raise errors.DataError(
            f"{path} unpacks to more than {max_bytes:,} bytes, unlike the official "
            "archive. Download it again."
        )
    view = memoryview(data)
    return {
        member.name.decode("utf-8", "backslashreplace"): view[
            member.offset : member.offset + member.num_bytes
        ]
        for member in walk(
            BytesReader(path, data),
            re.compile(rb".*", re.DOTALL),
            skip_others=True,
            padding_notes=[],
        )
    }
