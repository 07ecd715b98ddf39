"""The TFRecord container: framing, checked reading, random access.

On disk a record is

  uint64 length | uint32 masked crc of the length | data | uint32 masked crc of data

little-endian, with mask(c) = ((c >> 15 | c << 17) + 0xa282ead8) mod 2^32 over CRC-32C.
The checksums reveal flipped bits but not lost records: a file cut between two records
looks like a shorter, sound one, so the manifest has the counts. Lengths are compared
with the file's size before anything is allocated (a forged length crashes TensorFlow's
own reader).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Any

import google_crc32c
import numpy as np

from tfrecords import errors

HEADER_BYTES = 12
FOOTER_BYTES = 4

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")


def compute_masked_crc(data: bytes | np.ndarray) -> int:
    """The masked CRC-32C of `data`, bytes or uint8 [n], as the container stores it."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """`data` as a record: header, data, footer."""
    length = _LENGTH.pack(len(data))
    return b"".join(
        (
            length,
            _CRC.pack(compute_masked_crc(length)),
            data,
            _CRC.pack(compute_masked_crc(data)),
        )
    )


def get_checksum(record: bytes) -> int:
    """The masked CRC of the data of `record`, which `frame` made."""
    return int(_CRC.unpack(record[-FOOTER_BYTES:])[0])


def scan(path: str) -> Iterator[tuple[int, bytes]]:
    """Reads a shard from end to end, checking every length and checksum.

    Args:
      path: the shard.

    Yields:
      (offset of the record's header in bytes, data).

    Raises:
      DataError: naming the shard, the record (from 0) and the byte offset.
    """
    file_bytes = os.path.getsize(path)
    with open(path, "rb") as file:
        offset = number = 0
        while offset < file_bytes:
            header = file.read(HEADER_BYTES)
            length = _check_header(path, number, offset, header, file_bytes)
            data, footer = file.read(length), file.read(FOOTER_BYTES)
            yield offset, _check_body(path, number, offset, data, footer, length)
            offset += HEADER_BYTES + length + FOOTER_BYTES
            number += 1


def read_record(
    descriptor: int,
    path: str,
    offset: int,
    length: int,
    number: int | None = None,
    buffer: np.ndarray | None = None,
    checksum: int | None = None,
) -> Any:
    """Reads the record at `offset`, checking its length and both checksums.

    The checksum in the index identifies the record: comparing it with the stored one
    finds another record in its place.

    Args:
      descriptor: the shard, open for reading.
      path: its name, for the error.
      offset: of the record's header, in bytes.
      length: of its data in bytes, from the index.
      number: of the record in the shard, from 0, for the error; None if unknown.
      buffer: uint8 [n], n at least `length`, to read the data into; None: new bytes.
      checksum: the masked CRC of its data, from the index; None if unknown.

    Returns:
      The data, bytes or the start of `buffer`.

    Raises:
      DataError: naming the shard and the byte offset.
    """
    # Three reads: slicing the data (197 kB of a raw image) from one would copy it.
    start = offset + HEADER_BYTES
    header = os.pread(descriptor, HEADER_BYTES, offset)
    file_bytes = os.fstat(descriptor).st_size
    found = _check_header(path, number, offset, header, file_bytes)
    if found != length:
        raise errors.DataError(
            f"{_describe(path, number, offset)} holds {found} bytes, the index says "
            f"{length}: the shard or the index was changed. Run alexnet-verify, then "
            "restore the file or convert again."
        )
    data: Any
    if buffer is None:
        data = os.pread(descriptor, length, start)
    else:
        data = buffer[: os.preadv(descriptor, [buffer[:length].data], start)]
    footer = os.pread(descriptor, FOOTER_BYTES, start + length)
    _check_body(path, number, offset, data, footer, length)
    if checksum is not None and checksum != _CRC.unpack(footer)[0]:
        raise errors.DataError(
            f"{_describe(path, number, offset)} is another record than the index says "
            "(checksum): another shard was copied over this one, or records were "
            "swapped or repeated. Run alexnet-verify, which lists all of them, then "
            "restore the shard from a copy or convert again."
        )
    return data


def _describe(path: str, number: int | None, offset: int) -> str:
    record = f"record {number} " if number is not None else "the record "
    return f"{path}: {record}at byte {offset}"


def _check_header(
    path: str, number: int | None, offset: int, header: bytes, file_bytes: int
) -> int:
    what = _describe(path, number, offset)
    advice = "Restore the file from a copy or convert again."
    if len(header) < HEADER_BYTES:
        raise errors.DataError(f"{what} is cut short inside its header. {advice}")
    length_bytes = header[:8]
    if compute_masked_crc(length_bytes) != _CRC.unpack(header[8:])[0]:
        raise errors.DataError(f"{what} has a damaged length (checksum). {advice}")
    length: int = _LENGTH.unpack(length_bytes)[0]
    if offset + HEADER_BYTES + length + FOOTER_BYTES > file_bytes:
        raise errors.DataError(
            f"{what} claims {length} bytes, more than the file holds: the file is cut "
            f"short or forged. {advice}"
        )
    return length


def _check_body(
    path: str,
    number: int | None,
    offset: int,
    data: Any,
    footer: bytes,
    length: int,
) -> Any:
    what = _describe(path, number, offset)
    if len(data) < length or len(footer) < FOOTER_BYTES:
        raise errors.DataError(
            f"{what} is cut short. Restore the file from a copy or convert again."
        )
    if compute_masked_crc(data) != _CRC.unpack(footer)[0]:
        raise errors.DataError(
            f"{what} has damaged data (checksum). Restore the file from a copy or "
            "convert again."
        )
    return data
