"""Tests of `power_cut` against states that were worked out by hand."""

from __future__ import annotations

import random
import sys

import pytest

from tests.faults import power_cut
from tests.faults.power_cut import Call

# A file that is written, flushed, renamed, and whose directory is flushed.
SAFE = [
    Call("create", "a.tmp"),
    Call("write", "a.tmp", data=b"xyz"),
    Call("fsync", "a.tmp"),
    Call("rename", "a.tmp", "a"),
    Call("fsync", ""),
]


def apply(calls):
    disk = power_cut.Disk()
    for call in calls:
        disk.apply(call)
    return disk


def make_state(calls, kind="flushed", seed=0):
    return apply(calls).make_state(kind, random.Random(seed))


def list_states(calls):
    return [state for _, state in power_cut.make_states(calls, seed=0)]


def test_a_file_that_is_flushed_before_its_rename_is_whole_or_absent():
    states = list_states(SAFE)
    assert {"a": b"xyz"} in states and {} in states
    assert all(state.get("a", b"xyz") == b"xyz" for state in states)
    assert make_state(SAFE) == {"a": b"xyz"}


def test_without_the_flush_the_new_name_may_be_empty_or_zeros():
    calls = [call for call in SAFE if call != Call("fsync", "a.tmp")]
    states = list_states(calls)
    assert {"a": b""} in states and {"a": b"\0\0\0"} in states


def test_without_the_directorys_flush_the_old_name_or_none_may_be_left():
    states = list_states(SAFE[:-1])
    assert {} in states
    assert make_state(SAFE[:-1]) == {}
    assert make_state(SAFE[:-1], "names") == {"a": b"xyz"}


def test_a_later_name_may_survive_an_earlier_one():
    calls = [
        Call("create", "first"),
        Call("create", "second"),
    ]
    seeds = [make_state(calls, "mixed", seed) for seed in range(40)]
    assert {"second": b""} in seeds and {"first": b""} in seeds


def test_a_removal_may_be_lost():
    calls = [*SAFE, Call("remove", "a")]
    assert make_state(calls) == {"a": b"xyz"}
    assert make_state(calls, "names") == {}


def test_writes_go_to_their_offsets_and_truncations_cut():
    calls = [
        Call("create", "a"),
        Call("write", "a", data=b"abcdef"),
        Call("write", "a", offset=2, data=b"XY"),
        Call("append", "a", data=b"!"),
        Call("fsync", "a"),
        Call("truncate", "a", offset=4),
        Call("fsync", ""),
    ]
    assert make_state(calls[:5], "names") == {"a": b"abXYef!"}
    assert make_state(calls, "flushed") == {"a": b"abXYef!"}
    assert make_state([*calls, Call("fsync", "a")]) == {"a": b"abXY"}


def test_a_renamed_directory_keeps_what_was_flushed_in_it():
    calls = [
        Call("mkdir", "d.tmp"),
        Call("create", "d.tmp/a"),
        Call("write", "d.tmp/a", data=b"x"),
        Call("fsync", "d.tmp/a"),
        Call("rename", "d.tmp", "d"),
        Call("fsync", ""),
    ]
    assert make_state(calls) == {"d": {}}  # nobody flushed the directory itself
    calls.insert(4, Call("fsync", "d.tmp"))
    assert make_state(calls) == {"d": {"a": b"x"}}


def test_after_the_end_only_what_was_flushed_is_certain():
    for _, state in power_cut.make_last_states(SAFE, 0):
        assert state == {"a": b"xyz"}
    states = [state for _, state in power_cut.make_last_states(SAFE[:-1], 0)]
    assert {} in states and {"a": b"xyz"} in states


def test_equal_states_come_once():
    states = list_states(SAFE)
    assert len(states) == len({repr(state) for state in states})


def test_a_state_is_written_as_files_and_directories(tmp_path):
    power_cut.write_state({"a": b"1", "d": {"b": b"2", "e": {}}}, str(tmp_path))
    assert (tmp_path / "a").read_bytes() == b"1"
    assert (tmp_path / "d" / "b").read_bytes() == b"2"
    assert (tmp_path / "d" / "e").is_dir()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
