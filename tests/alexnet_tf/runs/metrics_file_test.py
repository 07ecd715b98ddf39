"""Tests of `runs.metrics_file`: rewinding, and reports of lost lines."""

import os
import sys

import pytest

from alexnet_tf.runs import metrics_file
from tfrecords import errors


def make(path, steps):
    file = metrics_file.MetricsFile(str(path))
    file.rewind(0, None)
    for step in steps:
        file.append({"step": step})
    return file


def test_lines_are_counted_across_starts(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert make(path, [1, 2, 2, 3]).sync() == 4
    again = metrics_file.MetricsFile(str(path))
    assert again.rewind(2, 3) == []
    assert again.num_lines == 3
    again.append({"step": 3})
    assert again.sync() == 4 == len(path.read_bytes().splitlines())


def test_nothing_measured_is_nothing_to_flush(tmp_path):
    assert metrics_file.MetricsFile(str(tmp_path / "metrics.jsonl")).sync() == 0


def test_lines_and_their_name_reach_the_disk(tmp_path, monkeypatch):
    file = make(tmp_path / "metrics.jsonl", [1])
    flushed = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: flushed.append(os.readlink(f"/proc/self/fd/{fd}"))
    )
    file.sync()
    assert flushed == [str(tmp_path / "metrics.jsonl"), str(tmp_path)]


@pytest.mark.parametrize("lost", [0, 1, 2, "all"])
def test_a_gap_is_reported_with_its_numbers(tmp_path, lost):
    path = tmp_path / "metrics.jsonl"
    make(path, [1, 2, 3, 4])
    if lost == "all":
        path.unlink()
    else:
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:lost] + lines[lost + 1 :]))
    (warning,) = metrics_file.MetricsFile(str(path)).rewind(3, 3)
    left = 0 if lost == "all" else 2
    assert f"{left} of the 3 lines" in warning and str(path) in warning


def test_a_run_that_starts_over_says_what_it_drops(tmp_path):
    path = tmp_path / "metrics.jsonl"
    make(path, [2, 4])
    (warning,) = metrics_file.MetricsFile(str(path)).rewind(0, None)
    assert "2 lines" in warning and "step 4" in warning
    assert path.read_bytes() == b""
    assert metrics_file.MetricsFile(str(path)).rewind(0, None) == []


def test_a_failing_disk_is_a_storage_error(tmp_path, monkeypatch):
    file = make(tmp_path / "metrics.jsonl", [1])

    def fail(descriptor):
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(errors.StorageError, match=r"metrics\.jsonl could not"):
        file.sync()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
