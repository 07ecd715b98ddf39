import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.evaluation import metrics


def find_by_sorting(scores, labels):
    """Independent implementation: sorts each row, with the label last among ties."""
    result = np.zeros((len(labels), 2), bool)
    for row, (values, label) in enumerate(zip(scores, labels, strict=True)):
        if np.isnan(values).any():
            result[row] = True
            continue
        keys = [(-value, column == label) for column, value in enumerate(values)]
        rank = sorted(keys).index((-values[label], True))
        result[row] = [rank >= 1, rank >= min(5, len(values))]
    return result


@pytest.mark.parametrize("num_classes", [1, 2, 4, 5, 6, 20, 1000])
def test_against_sorting(num_classes):
    rng = np.random.default_rng(num_classes)
    scores = rng.standard_normal((200, num_classes)).astype(np.float32)
    # Coarse values produce many ties.
    scores[:100] = np.round(scores[:100])
    labels = rng.integers(0, num_classes, 200)
    scores[190:, 0] = np.nan
    expected = find_by_sorting(scores, labels)
    np.testing.assert_array_equal(metrics.find_errors(scores, labels), expected)
    counts = tf.function(metrics.count_errors)(
        tf.constant(scores), tf.constant(labels, tf.int32)
    )
    assert counts.dtype == tf.int32
    np.testing.assert_array_equal(counts, expected.sum(0))


def test_by_hand():
    scores = np.array(
        [
            [9, 1, 2, 3, 4, 5, 6],  # label 0 is first
            [9, 1, 2, 3, 4, 5, 6],  # label 4: ranked fourth
            [9, 1, 2, 3, 4, 5, 6],  # label 2: ranked sixth
            [7, 7, 0, 0, 0, 0, 0],  # a tie for the first place
            [0, 0, 0, 0, 0, 0, 0],  # a tie of all
            [np.inf, 0, 0, 0, 0, 0, 0],
            [5, 0, 0, np.nan, 0, 0, 0],  # broken, though the label leads
        ],
        np.float32,
    )
    labels = np.array([0, 4, 2, 0, 0, 0, 0])
    np.testing.assert_array_equal(
        metrics.find_errors(scores, labels),
        np.array([[0, 0], [1, 0], [1, 1], [1, 0], [1, 1], [0, 0], [1, 1]], bool),
    )


def test_nan_is_an_error_even_with_fewer_classes_than_five():
    scores = np.array([[np.nan, 0, 0], [0, np.nan, 0], [0, 0, 1]], np.float32)
    np.testing.assert_array_equal(metrics.count_errors(scores, [0, 0, 0]), [3, 2])


def test_one_trace_serves_every_batch_size():
    traced = tf.function(
        metrics.count_errors,
        input_signature=[
            tf.TensorSpec([None, None]),
            tf.TensorSpec([None], tf.int32),
        ],
    )
    for batch_size in (0, 1, 7):
        counts = traced(tf.zeros([batch_size, 10]), tf.zeros([batch_size], tf.int32))
        np.testing.assert_array_equal(counts, [batch_size, batch_size])
    assert traced.experimental_get_tracing_count() == 1


def test_top5_is_left_out_where_it_cannot_be_wrong():
    assert metrics.format_errors(0.4, 0.18, 6) == "top-1 error 40.00%, top-5 18.00%"
    assert metrics.format_errors(0.4, 0.0, 5) == "top-1 error 40.00%"


def test_counts_add_up_whatever_the_batches():
    counts = metrics.ErrorCounts()
    counts.add(3, 2, 1, 4.5)
    counts.add(np.int64(1), tf.constant(0), tf.constant(0), np.float32(0.5))
    assert (counts.top1_error, counts.top5_error, counts.loss) == (0.5, 0.25, 1.25)
    assert metrics.ErrorCounts(**dataclasses.asdict(counts)) == counts
    with pytest.raises(ValueError, match="no images"):
        _ = metrics.ErrorCounts().top1_error


def test_per_class_counts():
    per_class = metrics.PerClassErrors(4)
    per_class.add(np.array([2, 2, 0]), np.array([[1, 0], [1, 1], [0, 0]], bool))
    per_class.add(np.array([2, 3]), np.array([[0, 0], [1, 1]], bool))
    np.testing.assert_array_equal(per_class.num_seen, [1, 0, 3, 1])
    np.testing.assert_array_equal(per_class.errors, [[0, 0], [0, 0], [2, 1], [1, 1]])


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
