"""Records that were made to crash a reader, or to be mistaken for images.

`SHARDS` has the bytes of a shard by name, `READ` the names of those that hold nothing
wrong. All have a good record of label 1 first; labels count from 1.
"""

from __future__ import annotations

import struct

from tests import archives
from tests.tfrecords import image_bombs
from tfrecords.shards import example_proto, record_file, schema

_IMAGE = archives.make_image(1)
_field = example_proto.encode_field


def _frame_length(length: int, data: bytes = b"x" * 40) -> bytes:
    """A record with any length, and the right checksum of that length."""
    packed = struct.pack("<Q", length)
    checksum = record_file.compute_masked_crc(packed)
    data_checksum = record_file.compute_masked_crc(data)
    return (
        packed + struct.pack("<I", checksum) + data + struct.pack("<I", data_checksum)
    )


def _make_varint(value: int) -> bytes:
    value %= 1 << 64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _make_bytes(*values: bytes) -> bytes:
    return _field(1, b"".join(_field(1, value) for value in values))


def _make_ints(*values: int) -> bytes:
    return _field(3, _field(1, b"".join(map(_make_varint, values))))


def _make_floats(*values: float) -> bytes:
    return _field(2, _field(1, struct.pack(f"<{len(values)}f", *values)))


_GOOD = {
    schema.ENCODED: _make_bytes(_IMAGE),
    schema.LABEL: _make_ints(1),
    schema.SYNSET: _make_bytes(b"n01440764"),
    schema.TEXT: _make_bytes(b"tench"),
}


def _make_entries(features: dict[str, bytes]) -> list[bytes]:
    return [
        _field(1, _field(1, key.encode()) + _field(2, value))
        for key, value in features.items()
    ]


def _make_example(**changes: bytes | None) -> bytes:
    """The good example, changed: names are constants of `schema`; None removes one."""
    features = dict(_GOOD)
    for name, value in changes.items():
        key = getattr(schema, name)
        if value is None:
            del features[key]
        else:
            features[key] = value
    return _field(1, b"".join(_make_entries(features)))


_ENTRIES = _make_entries(_GOOD)
_BOMBS = image_bombs.make_bombs()
_MANY = {f"k{i}": _make_ints(i) for i in range(100_000)}

_EXAMPLES = {
    "no bytes": b"",
    "zeros": bytes(100),
    "text": b"an image of a cat",
    "an image and nothing else": _IMAGE,
    "empty features": _field(1, b""),
    "no image": _make_example(ENCODED=None),
    "no label": _make_example(LABEL=None),
    "an image of no bytes": _make_example(ENCODED=_make_bytes(b"")),
    "an image of text": _make_example(ENCODED=_make_bytes(b"<html>404</html>")),
    "an image cut short": _make_example(ENCODED=_make_bytes(_IMAGE[:-60])),
    "an image as a number": _make_example(ENCODED=_make_ints(7)),
    "an image as floats": _make_example(ENCODED=_make_floats(0.5, 0.25)),
    "two images": _make_example(ENCODED=_make_bytes(_IMAGE, _IMAGE)),
    "an empty list of images": _make_example(ENCODED=_make_bytes()),
    "an image without a kind": _make_example(ENCODED=b""),
    **{
        f"the bomb {name}": _make_example(ENCODED=_make_bytes(data))
        for name, data in _BOMBS.items()
        if not name.startswith(("png z", "png i"))
    },
    "a label as text": _make_example(LABEL=_make_bytes(b"1")),
    "a label as a float": _make_example(LABEL=_make_floats(1.0)),
    "two labels": _make_example(LABEL=_make_ints(1, 2)),
    "an empty list of labels": _make_example(LABEL=_make_ints()),
    "the label 0": _make_example(LABEL=_make_ints(0)),
    "the label -1": _make_example(LABEL=_make_ints(-1)),
    "the label 1000": _make_example(LABEL=_make_ints(1000)),
    "the label 2^40": _make_example(LABEL=_make_ints(1 << 40)),
    "the label 2^63 - 1": _make_example(LABEL=_make_ints((1 << 63) - 1)),
    "the label -2^63": _make_example(LABEL=_make_ints(-(1 << 63))),
    "a number of eleven bytes": _make_example(
        LABEL=_field(3, _field(1, b"\x80" * 10 + b"\1"))
    ),
    "a synset that is not UTF-8": _make_example(SYNSET=_make_bytes(b"\xff\xfe")),
    "another synset of the label": _make_example(SYNSET=_make_bytes(b"n02102040")),
    "a synset as a number": _make_example(SYNSET=_make_ints(1)),
    "a name that is not UTF-8": _make_example(TEXT=_make_bytes(b"\xff\xfe")),
    "a negative height": _make_example(HEIGHT=_make_ints(-1), WIDTH=_make_ints(-1)),
    "a height of 2^40": _make_example(HEIGHT=_make_ints(1 << 40)),
    "a height as text": _make_example(HEIGHT=_make_bytes(b"24")),
    "the same key twice": _field(1, b"".join([*_ENTRIES, _ENTRIES[1]])),
    "two values of a key": _field(
        1,
        b"".join(_ENTRIES[:1])
        + _field(1, _field(1, schema.LABEL.encode()) + _field(2, _make_ints(1)) * 2),
    ),
    "two sets of features": _field(1, b"".join(_ENTRIES)) * 2,
    "an unknown field": _field(1, b"".join(_ENTRIES)) + _field(9, b"x"),
    "a group": b"\x0b\x0c",
    "a length beyond the end": _field(1, b"".join(_ENTRIES))[:-1],
    "only tags": b"\x0a" * 3000,
    "100,000 more features": _field(1, b"".join([*_ENTRIES, *_make_entries(_MANY)])),
}

_LENGTHS = (
    *(1 << bits for bits in (31, 32, 33, 34, 40, 45, 48, 62, 63)),
    *((1 << 31) - 1, (1 << 63) - 1, (1 << 64) - 1, (1 << 64) - 5, (1 << 64) - 16),
)
_FIRST = record_file.frame(_make_example())

SHARDS = {
    **{
        f"a record of {length:#x} bytes": _FIRST + _frame_length(length)
        for length in _LENGTHS
    },
    **{name: _FIRST + record_file.frame(data) for name, data in _EXAMPLES.items()},
}
READ = {
    "a negative height",
    "a height of 2^40",
    "100,000 more features",
}
