"""Lists the files of a zip archive and reads them in place; nothing is extracted.

Python's `zipfile` reads the archive's directory, once. Then a file's bytes are found by
the offset of its own header, in any process, without the directory, which takes
hundreds of megabytes for a million files.

What no archive of images holds is refused: links, encrypted files, names that lead out
of the archive, and zip bombs (files that overlap, or are huge when unpacked).

Format: PKWARE's APPNOTE 6.3.10, sections 4.3.7 (local file header) and 4.4.
"""

from __future__ import annotations

import dataclasses
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import NoReturn

import numpy as np

from tfrecords import errors
from tfrecords.durable import files
from tfrecords.images import headers
from tfrecords.sources import stored

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_SIGNATURE = b"PK\x03\x04"
_ENCRYPTED = 0x1
_UNIX = 3  # the system in whose way a member's attributes are stored
# The largest image that is decoded, uncompressed (64 million pixels), fits.
_MAX_MEMBER_BYTES = 256 << 20
# macOS adds a folder of its own.
_SKIPPED = re.compile(r"(?:.*/)?(?:\.(?!\.?(?:/|$))|__MACOSX/).*", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class ZipMembers:
    """The places of an archive's files, sorted by offset."""

    offset: np.ndarray  # int64 [N], of the local header
    packed_bytes: np.ndarray  # int64 [N], as stored
    num_bytes: np.ndarray  # int64 [N], unpacked
    checksum: np.ndarray  # uint32 [N], CRC-32 of the unpacked bytes
    is_deflated: np.ndarray  # bool [N]; others are stored as they are

    def read(
        self, offset: int, path: str, read_at: Callable[[int, int], bytes]
    ) -> bytes:
        """The file whose local header is at `offset`.

        `read_at` returns bytes of the archive from an offset, exactly as many as it is
        asked for.

        Raises:
          ImageError: if the file's bytes are damaged.
          DataError: if the archive has changed since it was listed.
        """
        row = int(np.searchsorted(self.offset, offset))
        header = _LOCAL_HEADER.unpack(read_at(offset, _LOCAL_HEADER.size))
        if header[0] != _SIGNATURE:
            raise errors.DataError(
                f"{path}, byte {offset}: no file of the archive begins here any more. "
                "Restore it and run the same command again."
            )
        start = offset + _LOCAL_HEADER.size + header[-2] + header[-1]
        data = read_at(start, int(self.packed_bytes[row]))
        if self.is_deflated[row]:
            data = _inflate(data, int(self.num_bytes[row]))
        if len(data) != self.num_bytes[row]:
            raise headers.ImageError("its bytes in the zip are damaged (length)")
        if zlib.crc32(data) != self.checksum[row]:
            raise headers.ImageError("its bytes in the zip are damaged (checksum)")
        return data


def list_members(path: str) -> tuple[dict[str, tuple[int, int]], ZipMembers]:
    """Lists an archive.

    Hidden files and those that macOS adds are left out.

    Returns:
      The offset and the unpacked size of each file by its name, and their places.

    Raises:
      DataError: if the archive is damaged, or holds what is refused.
      StorageError: if it cannot be read.
    """
    try:
        with files.read_errors(path), zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise errors.DataError(
            f"{path} is damaged or is not a zip archive ({error}). Download it again."
        ) from error
    infos.sort(key=lambda info: info.header_offset)
    _check_overlap(path, infos)
    found: dict[str, tuple[int, int]] = {}
    kept: list[zipfile.ZipInfo] = []
    for info in infos:
        name = info.filename
        if name.endswith("/") or _SKIPPED.fullmatch(name):
            continue
        _check_member(path, info)
        if name in found:
            _fail(path, name, "comes twice")
        found[name] = (info.header_offset, info.file_size)
        kept.append(info)
    return found, ZipMembers(
        offset=np.array([info.header_offset for info in kept], np.int64),
        packed_bytes=np.array([info.compress_size for info in kept], np.int64),
        num_bytes=np.array([info.file_size for info in kept], np.int64),
        checksum=np.array([info.CRC for info in kept], np.uint32),
        is_deflated=np.array(
            [info.compress_type == zipfile.ZIP_DEFLATED for info in kept], bool
        ),
    )


@dataclasses.dataclass(eq=False, kw_only=True)
class ZipImages(stored.StoredImages):
    """Images in a zip archive; offsets are those of their local headers."""

    members: ZipMembers

    def read_image(self, split: str, row: int) -> bytes:
        """The image's encoded bytes; see `Source.read_image`."""
        table = self.splits[split]
        path = self.containers[table.container[row]]
        return self.members.read(
            int(table.offset[row]),
            path,
            lambda offset, count: self._read_within(path, offset, count),
        )


def _check_overlap(path: str, infos: list[zipfile.ZipInfo]) -> None:
    end = 0
    for info in infos:
        if info.header_offset < end:
            _fail(path, info.filename, "overlaps the one before it, as in a zip bomb")
        end = info.header_offset + _LOCAL_HEADER.size + info.compress_size


def _check_member(path: str, info: zipfile.ZipInfo) -> None:
    name = info.filename
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or re.search(r"\\|^\w:", name):
        _fail(path, name, "has a name that leads out of the archive")
    mode = info.external_attr >> 16
    if info.create_system == _UNIX and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        _fail(path, name, "is a link or no ordinary file")
    if info.flag_bits & _ENCRYPTED:
        _fail(path, name, "is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        _fail(path, name, f"is compressed by method {info.compress_type}")
    if info.file_size > _MAX_MEMBER_BYTES:
        _fail(path, name, f"has {info.file_size:,} bytes unpacked, more than any image")


def _fail(path: str, name: str, problem: str) -> NoReturn:
    raise errors.DataError(
        f"{path}: the member {name!a} {problem}. Pack the images again, as ordinary "
        "files, or download the archive again."
    )


def _inflate(data: bytes, num_bytes: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        # One byte more than announced shows that there are more.
        return inflater.decompress(data, num_bytes + 1)
    except zlib.error as error:
        raise headers.ImageError(
            f"its bytes in the zip are damaged ({error})"
        ) from None
