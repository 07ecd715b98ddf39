"""Errors, averages, the files of our answers, the table."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.evaluation import metrics
from tfrecords import errors
from tfrecords.durable import npz
from tools.baseline_models import comparison

LABELS = np.array([0, 2, 1], np.int32)
PROBABILITIES = np.array(
    [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.4, 0.4, 0.2]], np.float32
)


def test_errors_by_hand():
    # The first is right, the second wrong, the third a tie, which counts as wrong.
    top1, top3 = comparison.compute_errors(PROBABILITIES, LABELS)
    assert (top1, top3) == (pytest.approx(2 / 3), 0.0)


def test_errors_are_those_of_evaluation():
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 6, (200, 8)).astype(np.float32)
    scores[0, 3] = np.nan
    scores[1] = np.nan
    labels = generator.integers(0, 8, 200)
    labels[0] = 3
    expected = metrics.find_errors(scores, labels).numpy().mean(0)
    assert comparison.compute_errors(scores, labels) == tuple(map(float, expected))


def test_average_by_hand():
    other = np.array([[0.1, 0.9, 0.0], [0.1, 0.2, 0.7], [0.0, 0.9, 0.1]], np.float32)
    mean = comparison.average([PROBABILITIES, other])
    np.testing.assert_allclose(
        mean, [[0.3, 0.6, 0.1], [0.1, 0.5, 0.4], [0.2, 0.65, 0.15]], rtol=1e-6
    )
    assert comparison.compute_errors(mean, LABELS)[0] == pytest.approx(2 / 3)


def write_answers(path, **changes):
    arrays = {"probabilities": PROBABILITIES, "labels": LABELS, **changes}
    npz.save(str(path), {name: a for name, a in arrays.items() if a is not None})
    return str(path)


def test_answers_are_read(tmp_path):
    path = write_answers(tmp_path / "a.npz")
    (found,) = comparison.read_answers([path], LABELS, 3)
    np.testing.assert_array_equal(found, PROBABILITIES)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": LABELS[::-1]},
        {"labels": LABELS[:2], "probabilities": PROBABILITIES[:2]},
        {"probabilities": PROBABILITIES[:, :2]},
        {"labels": None},
    ],
    ids=["other order", "fewer images", "fewer classes", "no labels"],
)
def test_answers_for_other_images_are_refused(tmp_path, changes):
    path = write_answers(tmp_path / "a.npz", **changes)
    with pytest.raises(errors.UserError, match=r"a\.npz.*--answers"):
        comparison.read_answers([path], LABELS, 3)


def test_missing_and_damaged_answers_are_refused(tmp_path):
    with pytest.raises(errors.UserError, match=r"none\.npz"):
        comparison.read_answers([str(tmp_path / "none.npz")], LABELS, 3)
    (tmp_path / "a.npz").write_bytes(b"PK")
    with pytest.raises(errors.DataError, match=r"a\.npz"):
        comparison.read_answers([str(tmp_path / "a.npz")], LABELS, 3)


def test_table_has_the_papers_columns_and_names_what_is_missing():
    table = comparison.make_table(
        "title",
        {"sparse coding": [PROBABILITIES] * 2, "SIFT + FVs": [], "CNN": []},
        LABELS,
    )
    (row,) = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert row["system"] == "sparse coding"
    assert row["models averaged"] == 2
    assert row["top-1 error"] == "66.7 %"
    assert (row["table 1: top-1"], row["table 1: top-5"]) == ("47.1 %", "28.2 %")
    notes = " ".join(table.notes)
    assert "SIFT + FVs" in notes and "--answers" in notes


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
