"""Tests of `mutants`: repeatable, various, and with whole segments."""

from __future__ import annotations

import sys

import pytest

from tests.faults import mutants
from tests.tfrecords.encoded_images import IMAGE, JPEGS, LOSSLESS, save
from tfrecords.images import metadata

SEEDS = [JPEGS["baseline"][0], LOSSLESS["png rgb"][0], save(IMAGE, "WEBP"), b"x", b""]


def test_a_mutant_depends_on_its_number_and_the_seed_alone():
    def make(seed):
        return [mutants.mutate(SEEDS, number, seed) for number in range(300)]

    assert make(0) == make(0) != make(1)
    assert len(set(make(0))) > 200


@pytest.mark.parametrize("data", SEEDS[:3])
def test_segments_are_those_of_the_format(data):
    parts = mutants._split(data)
    assert b"".join(parts) == data and len(parts) >= 2
    if data.startswith(b"\xff\xd8"):
        assert all(part[:1] == b"\xff" for part in parts[1:-1])
        assert any(part[1] == 0xC0 for part in parts)
    elif data.startswith(b"\x89PNG"):
        assert [part[4:8] for part in parts[1:]] == [b"IHDR", b"IDAT", b"IEND"]


def test_a_changed_chunk_of_a_png_gets_its_checksum():
    png = LOSSLESS["png rgb"][0]
    parts = mutants._split(png)
    changed = parts[-2][:20] + b"?" + parts[-2][21:]
    sealed = mutants._seal(changed, png)
    assert sealed != changed and len(sealed) == len(changed)
    # Another checksum is refused here.
    metadata.strip_png(mutants._join([*parts[:-2], sealed, parts[-1]]))


def test_the_size_of_a_riff_file_is_right_again():
    webp = SEEDS[2]
    parts = mutants._split(webp)
    longer = mutants._join([*parts, b"ABCD\2\0\0\0xx"])
    assert int.from_bytes(longer[4:8], "little") == len(longer) - 8


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
