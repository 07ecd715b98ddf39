"""Tests of `alexnet_tf.evaluation.ensemble`: by hand, and with two runs."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.evaluation import ensemble, evaluate
from tests import data_directories, training_runs
from tfrecords import errors


def test_the_average_by_hand():
    first = np.array([[0.6, 0.4], [0.2, 0.8]], np.float32)
    second = np.array([[0.1, 0.9], [0.4, 0.6]], np.float32)
    mean = ensemble.average([first, second], [1, 1])
    np.testing.assert_allclose(mean, [[0.35, 0.65], [0.3, 0.7]], rtol=1e-6)
    mean = ensemble.average([first, second], [0.5, 1.5])
    np.testing.assert_allclose(mean, [[0.225, 0.775], [0.35, 0.65]], rtol=1e-6)


def make_answers(num_wrong, num_images=200, num_classes=10, seed=0):
    """Probabilities with a top-5 error in `num_wrong` images, at random."""
    generator = np.random.default_rng(seed)
    labels = np.arange(num_images) % num_classes
    scores = generator.random((num_images, num_classes)).astype(np.float32)
    scores[np.arange(num_images), labels] = 1.0
    wrong = generator.permutation(num_images)[:num_wrong]
    scores[wrong, labels[wrong]] = 0.0
    return scores / scores.sum(axis=1, keepdims=True), labels


def test_the_search_leaves_out_a_network_that_knows_nothing():
    good, labels = make_answers(10)
    # Sure of the five classes after the right one: an equal average is always wrong.
    bad = np.zeros_like(good)
    for distance in range(1, 6):
        bad[np.arange(200), (labels + distance) % 10] = 0.2
    bad = 0.01 * good + 0.99 * bad
    weights = ensemble.search_weights([bad, good], labels)
    found = ensemble.find_errors(ensemble.average([bad, good], weights), labels)
    equal = ensemble.find_errors(ensemble.average([bad, good], [1, 1]), labels)
    assert found[:, 1].sum() < equal[:, 1].sum()
    assert weights[0] < weights[1]


def test_the_search_keeps_equal_weights_where_none_is_better():
    good, labels = make_answers(0)
    assert ensemble.search_weights([good, good], labels) == (0.5, 0.5)


def test_with_few_classes_it_counts_top_1_errors():
    """With three classes a top-5 error cannot happen."""
    labels = np.zeros(4, np.int64)
    right = np.tile(np.float32([0.5, 0.3, 0.2]), (4, 1))
    wrong = np.tile(np.float32([0.1, 0.8, 0.1]), (4, 1))
    weights = ensemble.search_weights([wrong, right], labels)
    assert not ensemble.find_errors(ensemble.average([wrong, right], weights), labels)[
        :, 0
    ].any()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of other networks and widths on `data`, and one of other classes."""
    path = tmp_path_factory.mktemp("runs")
    data_directories.write_data_directory(path / "data", num_classes=6, per_class=2)
    data_directories.write_data_directory(path / "other", num_classes=3)
    values = {"num_epochs": 1}
    training_runs.run(path / "data", path / "a", values)
    narrow = {**values, "model.network": "one_gpu", "model.width": 0.02, "seed": 1}
    training_runs.run(path / "data", path / "b", narrow)
    training_runs.run(path / "other", path / "c", values)
    return path


@pytest.mark.whole_run
def test_runs_are_evaluated_and_averaged(runs):
    paths = [str(runs / "a"), str(runs / "b")]
    report = ensemble.evaluate_runs(paths, "last", "validation", 10)
    answers = []
    for path, run in zip(paths, report["runs"], strict=True):
        _, result, _ = evaluate.evaluate_checkpoint(
            path, "last", "validation", 10, keeps_answers=True
        )
        assert run["top1_error"] == pytest.approx(result.counts.top1_error)
        answers.append(result.answers)
    mean = (answers[0]["probabilities"] + answers[1]["probabilities"]) / 2
    wrong = mean.argmax(axis=1) != answers[0]["labels"]
    assert report["average"]["top1_error"] == pytest.approx(wrong.mean())
    assert [run["weight"] for run in report["runs"]] == [0.5, 0.5]
    text = ensemble.format_report(report)
    assert "12 images" in text and f"{report['average']['top1_error']:.2%}" in text


@pytest.mark.whole_run
def test_searched_weights_are_judged_on_the_other_half(runs):
    paths = [str(runs / "a"), str(runs / "b")]
    report = ensemble.evaluate_runs(paths, "last", "validation", 1, searches=True)
    assert report["num_seen"] == 6
    assert sum(run["weight"] for run in report["runs"]) == pytest.approx(1)


@pytest.mark.whole_run
@pytest.mark.parametrize(
    ("names", "words"), [(["a"], ["two runs"]), (["a", "c"], ["3 classes", "the 6"])]
)
def test_runs_that_cannot_be_averaged_are_refused(runs, names, words):
    paths = [str(runs / name) for name in names]
    with pytest.raises(errors.UserError) as raised:
        ensemble.evaluate_runs(paths, "last", "validation", 1)
    assert all(word in str(raised.value) for word in words)


@pytest.mark.whole_run
def test_other_data_of_the_same_classes_need_a_name(runs, tmp_path):
    data_directories.write_data_directory(tmp_path / "data", num_classes=6)
    training_runs.run(tmp_path / "data", tmp_path / "d", {"num_epochs": 1})
    paths = [str(runs / "a"), str(tmp_path / "d")]
    with pytest.raises(errors.UserError, match="--data_dir"):
        ensemble.evaluate_runs(paths, "last", "validation", 1)
    data_dir = str(runs / "data")
    report = ensemble.evaluate_runs(paths, "last", "validation", 1, data_dir)
    assert report["num_seen"] == 12


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
