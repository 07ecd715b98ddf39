"""Tests of `alexnet_tf.config.by_layer`: texts to typed settings, and back."""

from __future__ import annotations

import sys

import pytest

from alexnet_tf.config import by_layer
from alexnet_tf.config.by_layer import RateChange
from tfrecords import errors

LAYERS = ("conv1", "conv2", "fc8")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", (1, 1, 1)),
        ("fc8=10", (1, 1, 10)),
        ("conv1=0  fc8=2.5", (0, 1, 2.5)),
        ("0 fc8=10", (0, 0, 10)),
        ("fc8=10 0", (0, 0, 0)),
        ("0 fc8=10 0.5", (0.5, 0.5, 0.5)),
        ("fc8=10 fc8=3", (1, 1, 3)),
    ],
)
def test_numbers_by_layer(text, expected):
    table = by_layer.parse_numbers(text)
    assert by_layer.parse_numbers(by_layer.format_numbers(table)) == table
    resolved = by_layer.resolve(table, LAYERS, 1, "optimizer.rate_factors")
    assert resolved == dict(zip(LAYERS, expected, strict=True))


def test_the_last_entry_of_a_layer_counts_and_comes_last():
    table = by_layer.parse_numbers("fc8=1 0.5 fc8=2")
    assert list(table.items()) == [(by_layer.ALL_LAYERS, 0.5), ("fc8", 2.0)]


@pytest.mark.parametrize(
    "text, shown",
    [("fc8=fast", "fast"), ("fc8=-1", "-1"), ("fc8=nan", "nan"), ("fc8=", "''")],
)
def test_an_invalid_number_is_named(text, shown):
    with pytest.raises(ValueError, match=shown):
        by_layer.parse_numbers(text)


def test_an_unknown_layer_is_named_with_the_nearest():
    with pytest.raises(errors.UserError) as e:
        by_layer.resolve({"fc9": 1}, LAYERS, 1, "optimizer.rate_factors")
    for part in ("optimizer.rate_factors", "'fc9'", "conv1, conv2, fc8", "'fc8'?"):
        assert part in str(e.value)


def test_names_by_layer():
    table = by_layer.parse_names("fc7=adamw  fc8=sgdw")
    assert table == {"fc7": "adamw", "fc8": "sgdw"}
    assert by_layer.parse_names(by_layer.format_names(table)) == table
    for text in ("fc8", "fc8=", "=adamw"):
        with pytest.raises(ValueError, match=text):
            by_layer.parse_names(text)


def test_changes_of_rates():
    text = "25:0.001 2.16:conv1=0 79:1e-05"
    changes = by_layer.parse_changes(text)
    assert changes == (
        RateChange(25, 0.001),
        RateChange(2.16, 0, "conv1"),
        RateChange(79, 0.00001),
    )
    assert by_layer.format_changes(changes) == text
    for text in ("25", "25:", ":0.1", "x:0.1", "25:conv1=", "-1:0.1", "1:inf"):
        with pytest.raises(ValueError, match=text.partition(":")[0] or "''"):
            by_layer.parse_changes(text)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
