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
FRAME_BYTES = HEADER_BYTES + FOOTER_BYTES

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_ADVICE = "Restore the file from a copy or convert again."


def compute_masked_crc(data: bytes | np.ndarray) -> int:
    """The masked CRC-32C of `data`, bytes or uint8 [n], as the container stores it."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """`data` as a record: header, data, footer."""
    length = _LENGTH.pack(len(data))
    length_crc, data_crc = (_CRC.pack(compute_masked_crc(d)) for d in (length, data))
    return b"".join((length, length_crc, data, data_crc))


def get_checksum(record: bytes) -> int:
    """The masked CRC of the data of `record`, which `frame` made."""
    return int(_CRC.unpack(record[-FOOTER_BYTES:])[0])


def scan(path: str) -> Iterator[tuple[int, bytes]]:
    """Reads a shard from end to end, checking every length and checksum.

    Yields:
      (offset of the record's header in bytes, data).

    Raises:
      DataError: naming the shard, the record (from 0) and the byte offset.
    """
    file_bytes = os.path.getsize(path)
    with open(path, "rb") as file:
        offset = number = 0
        while offset < file_bytes:
            place = f"{path}: record {number} at byte {offset}"
            length = _check_header(place, offset, file.read(HEADER_BYTES), file_bytes)
            data = file.read(length)
            _check_data(place, data, length, file.read(FOOTER_BYTES))
            yield offset, data
            offset += FRAME_BYTES + length
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
    record = "the record" if number is None else f"record {number}"
    place = f"{path}: {record} at byte {offset}"
    header = os.pread(descriptor, HEADER_BYTES, offset)
    found = _check_header(place, offset, header, os.fstat(descriptor).st_size)
    if found != length:
        raise errors.DataError(
            f"{place} holds {found} bytes, the index says {length}: the shard or the "
            "index was changed. Run alexnet-verify, then restore the file or convert "
            "again."
        )
    data: Any
    if buffer is None:
        data = os.pread(descriptor, length, start)
    else:
        data = buffer[: os.preadv(descriptor, [buffer[:length].data], start)]
    footer = os.pread(descriptor, FOOTER_BYTES, start + length)
    found_checksum = _check_data(place, data, length, footer)
    if checksum not in (None, found_checksum):
        raise errors.DataError(
            f"{place} is another record than the index says (checksum): another shard "
            "was copied over this one, or records were swapped or repeated. Run "
            "alexnet-verify, which lists all of them, then restore the shard from a "
            "copy or convert again."
        )
    return data


def _check_header(place: str, offset: int, header: bytes, file_bytes: int) -> int:
    """The length of the data, in bytes."""
    if len(header) < HEADER_BYTES:
        raise errors.DataError(f"{place} is cut short inside its header. {_ADVICE}")
    length_bytes = header[:8]
    if compute_masked_crc(length_bytes) != _CRC.unpack(header[8:])[0]:
        raise errors.DataError(f"{place} has a damaged length (checksum). {_ADVICE}")
    length: int = _LENGTH.unpack(length_bytes)[0]
    if offset + FRAME_BYTES + length > file_bytes:
        raise errors.DataError(
            f"{place} claims {length} bytes, more than the file holds: the file is cut "
            f"short or forged. {_ADVICE}"
        )
    return length


def _check_data(place: str, data: Any, length: int, footer: bytes) -> int:
    """The masked CRC of the data."""
    if len(data) < length or len(footer) < FOOTER_BYTES:
        raise errors.DataError(f"{place} is cut short. {_ADVICE}")
    crc = compute_masked_crc(data)
    if crc != _CRC.unpack(footer)[0]:
        raise errors.DataError(f"{place} has damaged data (checksum). {_ADVICE}")
    return crc
