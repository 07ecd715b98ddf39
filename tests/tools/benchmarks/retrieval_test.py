"""Tests of `tools.benchmarks.retrieval`, on short vectors."""

import sys

import numpy as np
import pytest

from tools.benchmarks import harness, retrieval

pytest.importorskip("faiss", reason="the extra retrieval brings faiss")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(retrieval, "_NUM_FEATURES", 300)
    monkeypatch.setattr(retrieval, "_NUM_CENTRES", 20)
    monkeypatch.setattr(retrieval, "_SAMPLE", 1000)


def test_vectors_on_the_disk_are_searched_in_three_ways():
    options = harness.Options(num_images=1500, max_images=1500)
    result = retrieval.measure_retrieval(options)
    rows = {row[0]: dict(zip(result.columns, row, strict=True)) for row in result.rows}
    assert list(rows) == ["exact", "approximate", "codes of 128 bits"]
    assert rows["exact"]["bytes per image"] == 1200
    assert rows["codes of 128 bits"]["bytes per image"] == 16
    assert 128 < rows["approximate"]["bytes per image"] < 1200
    assert 0.5 < rows["approximate"]["share of the exact"] <= 1
    assert all(row["ms per query"] > 0 for row in rows.values())


def test_more_vectors_are_indexed_without_being_kept():
    options = harness.Options(num_images=1500, max_images=1000)
    result = retrieval.measure_retrieval(options)
    assert [row[0] for row in result.rows] == ["approximate", "codes of 128 bits"]


def test_vectors_are_rectified_and_do_not_depend_on_how_many_there_are():
    first = np.concatenate(list(retrieval._draw(12, block_rows=5)))
    more = np.concatenate(list(retrieval._draw(17, block_rows=5)))
    assert first.shape == (12, 300) and first.min() == 0 < first.max()
    assert np.array_equal(first[:10], more[:10])


def test_the_share_of_what_was_found_by_hand():
    exact = np.array([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]])
    found = np.array([[6, 5, 4, 3, 2, 1], [1, 2, 3, 10, 11, 12]])
    assert retrieval._recall(exact, found) == 0.75


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
