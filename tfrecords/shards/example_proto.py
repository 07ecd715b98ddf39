"""The wire format of `tf.train.Example`, written and read without TensorFlow.

The converter's workers do not import TensorFlow, and a protocol-buffer library does not
promise the same bytes for the same map. The encoding, in which a length-delimited field
is tag, length, payload:

  Example{1: Features{1: map entries}}; entry{1: key, 2: Feature};
  Feature{1: BytesList{1: values}} or {2: FloatList} or {3: Int64List{1: varints}}
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from tfrecords import errors

# The largest value that is cached, in bytes.
_SHORT = 64


def encode_example(features: Mapping[str, bytes | int]) -> bytes:
    """Serializes features as a `tf.train.Example`, keys in sorted order.

    Each value is a byte string (a BytesList of one) or a non-negative integer (an
    Int64List of one).
    """
    entries = []
    for key in sorted(features):
        value = features[key]
        is_long = isinstance(value, bytes) and len(value) > _SHORT
        entries.append((_encode_entry if is_long else _encode_short)(key, value))
    return encode_field(1, b"".join(entries))


def decode_example(serialized: bytes) -> dict[str, list[Any]]:
    """Reads any serialized `tf.train.Example`, without TensorFlow.

    Each key has a list of bytes, of int or of float, of any length. Stricter than a
    protocol-buffer library: unknown fields and repeated keys are refused too. Raises
    `DataError`, saying what is wrong; the caller adds which record it is.
    """
    return {
        key: [
            bytes(value) if isinstance(value, memoryview) else value
            for value in decode_feature(feature)
        ]
        for key, feature in split_example(memoryview(serialized)).items()
    }


def split_example(view: memoryview) -> dict[str, memoryview]:
    """An Example's encoded features, slices of `view`; raises as `decode_example`."""
    features: dict[str, memoryview] = {}
    parts = list(_read_fields(view, (1,)))
    if len(parts) > 1:
        raise _malformed("it holds two Features")
    for _, entry in _read_fields(parts[0][1] if parts else view, (1,)):
        fields = list(_read_fields(entry, (1, 2)))
        members = dict(fields)
        # A protocol-buffer library would merge two values of one key.
        if not len(fields) == len(members) == 2:
            raise _malformed("a feature has not one key and one value")
        try:
            key = bytes(members[1]).decode()
        except UnicodeDecodeError as error:
            raise _malformed("a feature's key is not UTF-8") from error
        if key in features:
            raise _malformed(f"{key} comes twice")
        features[key] = members[2]
    return features


def _encode_entry(key: str, value: bytes | int) -> bytes:
    if isinstance(value, bytes):
        feature = encode_field(1, encode_field(1, value))
    else:
        feature = encode_field(3, encode_field(1, _varint(value)))
    return encode_field(1, encode_field(1, key.encode()) + encode_field(2, feature))


# Most short values occur in many records.
_encode_short = functools.lru_cache(maxsize=4096)(_encode_entry)


def encode_field(number: int, payload: bytes) -> bytes:
    """A length-delimited field of any message: text, bytes or a nested message.

    `number` is 1..15, whose tag is one byte.
    """
    return bytes([number << 3 | 2]) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    if value < 0:  # as its two's complement of 64 bits
        value += 1 << 64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _malformed(reason: str) -> errors.DataError:
    return errors.DataError(
        f"the record is not a well-formed tf.train.Example: {reason}"
    )


def _read_varint(view: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(view):
            raise _malformed("it is cut short")
        byte = view[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
        if shift >= 70:
            raise _malformed("a number is longer than ten bytes")
    if value >> 64:
        raise _malformed("a number is larger than 64 bits")
    return value, position


def _read_fields(
    view: memoryview, allowed: tuple[int, ...]
) -> Iterator[tuple[int, memoryview]]:
    """Yields (number, payload) of the length-delimited fields that fill `view`."""
    position = 0
    while position < len(view):
        tag, position = _read_varint(view, position)
        if tag & 7 != 2 or tag >> 3 not in allowed:
            raise _malformed(f"unexpected field {tag >> 3} of wire type {tag & 7}")
        length, position = _read_varint(view, position)
        if length > len(view) - position:
            raise _malformed("it is cut short")
        yield tag >> 3, view[position : position + length]
        position += length


def decode_feature(feature: memoryview) -> list[Any]:
    """A feature's values: slices of it, int or float; raises as `decode_example`."""
    kinds = list(_read_fields(feature, (1, 2, 3)))
    if not kinds:
        return []
    if len(kinds) > 1:
        raise _malformed("a feature is of two kinds")
    number, payload = kinds[0]
    if number == 1:
        return [value for _, value in _read_fields(payload, (1,))]
    values: list[Any] = []
    position = 0
    while position < len(payload):
        tag, position = _read_varint(payload, position)
        # A repeated number is written packed (type 2) or one by one (0, 5).
        packed, single = 1 << 3 | 2, 1 << 3 | (5 if number == 2 else 0)
        if tag == packed:
            length, position = _read_varint(payload, position)
            if length > len(payload) - position:
                raise _malformed("it is cut short")
            end = position + length
        elif tag == single:
            end = position + 1
        else:
            raise _malformed(f"unexpected field {tag >> 3} of wire type {tag & 7}")
        limit = end if tag == packed else len(payload)
        while position < end:
            value, position = _read_number(payload[:limit], position, number == 2)
            values.append(value)
    return values


def _read_number(
    view: memoryview, position: int, is_float: bool
) -> tuple[int | float, int]:
    if is_float:
        if position + 4 > len(view):
            raise _malformed("it is cut short")
        return struct.unpack_from("<f", view, position)[0], position + 4
    value, position = _read_varint(view, position)
    return value - (1 << 64 if value >> 63 else 0), position
