"""Mutated files: bytes, sizes, cuts, splices, and whole segments of image formats."""

from __future__ import annotations

import itertools
import random
import struct
import zlib
from collections.abc import Sequence

# Numbers at which lengths and sizes overflow.
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000)
_PACKINGS = ("B", "<H", ">H", "<I", ">I")
# Most of what a parser decides on is here.
_HEAD_BYTES = 200
_PNG_SIGNATURE_BYTES = 8
_RIFF_HEADER_BYTES = 12


def mutate(seeds: Sequence[bytes], number: int, seed: int) -> bytes:
    """Mutant `number` of the files `seeds`: one to four random changes of one of them.

    The same arguments give the same bytes.
    """
    chance = random.Random(f"{seed} {number}")
    data = seeds[number % len(seeds)]
    for _ in range(chance.choice((1, 1, 1, 3))):
        change = chance.choice((_flip, _set, _size, _size, _cut, _splice, _move))
        if change is _splice:
            data = _splice(data, chance, seeds)
        else:
            data = change(data, chance)
    return data


def _choose_place(data: bytes, chance: random.Random) -> int:
    reach = len(data) if chance.random() < 0.4 else min(len(data), _HEAD_BYTES)
    return chance.randrange(max(reach, 1))


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 8)) if data else 0):
        changed[_choose_place(data, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _set(data: bytes, chance: random.Random) -> bytes:
    place = _choose_place(data, chance)
    count = chance.choice((1, 1, 4, 64))
    filling = chance.choice((b"\0", b"\xff", chance.randbytes(1))) * count
    return data[:place] + filling + data[place + count :]


def _size(data: bytes, chance: random.Random) -> bytes:
    """Another number in place of one."""
    packing = struct.Struct(chance.choice(_PACKINGS))
    place = _choose_place(data, chance)
    number = chance.choice(_EDGES) + chance.randrange(-2, 3)
    packed = packing.pack(number % (1 << 8 * packing.size))
    return data[:place] + packed + data[place + packing.size :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    """Without its end, its beginning or its middle, or with a part of it twice."""
    first = _choose_place(data, chance)
    last = min(len(data), first + chance.choice((1, 2, 7, 100, 10_000)))
    kind = chance.randrange(4)
    if kind == 0:
        return data[:last]
    if kind == 1:
        return data[:first] + data[last:]
    return data[:last] + data[first:]


def _splice(data: bytes, chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """The beginning of one file and the end of another, or a segment of another."""
    other = chance.choice(seeds)
    if chance.random() < 0.5:
        return data[: _choose_place(data, chance)] + other[chance.randrange(200) :]
    parts, others = _split(data), _split(other)
    parts.insert(chance.randrange(len(parts) + 1), chance.choice(others))
    return _join(parts)


def _move(data: bytes, chance: random.Random) -> bytes:
    """A segment moved, left out, repeated, or changed and given its right checksum."""
    parts = _split(data)
    place = chance.randrange(len(parts))
    kind = chance.randrange(4)
    if kind == 0:
        parts.insert(chance.randrange(len(parts)), parts.pop(place))
    elif kind == 1:
        del parts[place]
    elif kind == 2:
        parts.insert(place, parts[place])
    else:
        parts[place] = _seal(_size(parts[place], chance), data)
    return _join(parts)


def _split(data: bytes) -> list[bytes]:
    """The segments of an image, the first of which has what precedes them."""
    if data.startswith(b"\x89PNG"):
        bounds = _find_ends(data, _PNG_SIGNATURE_BYTES, ">I", 0, 12, 1)
    elif data.startswith(b"RIFF"):
        bounds = _find_ends(data, _RIFF_HEADER_BYTES, "<I", 4, 8, 2)
    elif data.startswith(b"\xff\xd8"):
        bounds = _find_ends(data, 2, ">H", 2, 2, 1)
    else:
        bounds = list(range(16, len(data), max(len(data) // 8, 16)))
    places = [0, *bounds, len(data)]
    return [data[a:b] for a, b in itertools.pairwise(places)]


def _find_ends(
    data: bytes, place: int, packing: str, length_at: int, extra: int, multiple: int
) -> list[int]:
    """Offsets of segments, each with a length `length_at` bytes after its start."""
    length = struct.Struct(packing)
    found = []
    while place + length_at + length.size <= len(data) and len(found) < 50:
        found.append(place)
        (size,) = length.unpack_from(data, place + length_at)
        place += extra + -(-size // multiple) * multiple
    return found


def _join(parts: Sequence[bytes]) -> bytes:
    data = b"".join(parts)
    if data.startswith(b"RIFF") and len(data) >= _RIFF_HEADER_BYTES:
        return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    return data


def _seal(part: bytes, whole: bytes) -> bytes:
    """The segment, a PNG's with its right checksum: else a reader looks no further."""
    if not whole.startswith(b"\x89PNG") or len(part) < 12:
        return part
    return part[:-4] + struct.pack(">I", zlib.crc32(part[4:-4]))
