"""Tests of `alexnet_tf.retrieval.measure`, by hand and by sorting all distances."""

import sys

import numpy as np
import pytest

from alexnet_tf.retrieval import measure, neighbours


def make_result(label, found):
    query = neighbours.Query("q", "", np.zeros((2, 2, 3), np.uint8), label)
    rows = [neighbours.Neighbour(k, float(k), each) for k, each in enumerate(found)]
    return neighbours.Result(query, tuple(rows))


def test_precision_by_hand():
    # 2 of 4, 4 of 4 and 0 of 4: 1/2 on average; the deviation is 1/2, so the margin is
    # 1.96 / (2 sqrt(3)).
    results = [
        make_result(1, [1, 2, 1, 3]),
        make_result(2, [2, 2, 2, 2]),
        make_result(0, [1, 1, 1, 1]),
    ]
    found = measure.measure_precision(results)
    assert found.mean == pytest.approx(0.5)
    assert found.margin == pytest.approx(1.96 * 0.5 / np.sqrt(3))
    assert found.num_queries == 3
    assert measure.measure_precision(results[:1]).margin == 0


def test_pixel_ranks_are_places_in_the_sorted_distances():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 5, 5, 3), np.uint8)
    queries = rng.integers(0, 256, (4, 5, 5, 3), np.uint8)
    rows = np.array([[0, 39, 7], [5, 6, 12], [20, 21, 22], [1, 2, 3]])
    batches = (images[start : start + 7] for start in range(0, 40, 7))
    ranks = measure.rank_by_pixels(queries, rows, images[rows], batches)
    for query, of_one, found in zip(queries, rows, ranks, strict=True):
        difference = images.astype(np.int64) - query
        distances = (difference**2).sum(axis=(1, 2, 3))
        expected = [1 + int(np.sum(distances < distances[row])) for row in of_one]
        assert found.tolist() == expected


def test_queries_are_spread_over_the_split():
    assert measure.pick_queries(10, 5) == [0, 2, 4, 6, 8]
    assert measure.pick_queries(3, 5) == [0, 1, 2]
    assert measure.pick_queries(7, 3) == [0, 2, 4]


def test_a_report_in_words_and_numbers():
    report = measure.Report(
        split="validation",
        count=2,
        num_images=100,
        precision=measure.Precision(0.25, 0.1, 4),
        search_seconds=2.0,
        pixel_ranks=np.array([[1, 50], [2, 70]]),
    )
    text = measure.format_text(report)
    assert "precision at 2: 25.0% +- 10.0%" in text
    assert "2 queries/s" in text
    assert "median 26 of 100; 50.0% are among the 2 nearest" in text
    values = measure.to_json(report)
    assert values["precision"] == 0.25
    assert values["pixel_ranks"] == {"median": 26.0, "share_of_nearest": 0.5}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
