"""Tests of `damage`: what is refused, read as before, or silently changed."""

from __future__ import annotations

import sys

import pytest

from tests.faults import damage, engine
from tfrecords import errors


def make_target(tmp_path, read, **arguments):
    directory = tmp_path / "whole"
    directory.mkdir()
    (directory / "file").write_bytes(b"abcd")
    return damage.Target("file", directory, "file", read, **arguments)


def read_bytes(directory):
    return (directory / "file").read_bytes()


def read_checked(directory):
    if read_bytes(directory) != b"abcd":
        raise errors.DataError("file is damaged")
    return "abcd"


def run(cases):
    fault = engine.Fault("f", "s", "i", "g", lambda *_: list(cases))
    return engine.run(fault, seed=0)


def test_every_byte_and_every_length_is_tried(tmp_path):
    seen = []

    def read(directory):
        seen.append(read_bytes(directory))
        return read_checked(directory)

    target = make_target(tmp_path, read)
    result = run(damage.make_flips(target, seed=0))
    assert result.num_faults == 4 and not result.failures
    assert seen[0] == b"abcd"
    for offset, changed in enumerate(seen[1:]):
        (bits,) = [a ^ b for a, b in zip(changed, b"abcd", strict=True) if a != b]
        assert changed[offset] != b"abcd"[offset] and bits.bit_count() == 1
    del seen[:]
    result = run(damage.make_cuts(target))
    assert seen[1:] == [b"", b"a", b"ab", b"abc"] and not result.failures


def test_a_silent_change_is_a_failure(tmp_path):
    target = make_target(tmp_path, read_bytes)
    (failure,) = run(damage.make_flips(target, seed=0)).failures
    assert "at [0, 1, 2, 3]: it was read as something else" in failure


def test_bytes_that_mean_nothing_may_change(tmp_path):
    target = make_target(tmp_path, lambda directory: "always")
    assert not run(damage.make_flips(target, seed=0)).failures


def test_an_error_that_is_not_ours_is_a_failure(tmp_path):
    def read(directory):
        if read_bytes(directory) != b"abcd":
            raise ValueError("unexpected")

    (failure,) = run(damage.make_cuts(make_target(tmp_path, read))).failures
    assert "ValueError: unexpected" in failure


def test_only_the_offsets_given_are_damaged(tmp_path):
    target = make_target(tmp_path, read_checked, offsets=[1, 3])
    (case,) = damage.make_flips(target, seed=0)
    assert case.num_faults == 2 and case.name == "file flipped at 1 to 3"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
