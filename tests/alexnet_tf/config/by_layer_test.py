"""Tests of `config.by_layer`; the rates' own texts are in `schedule_test`."""

from __future__ import annotations

import sys

import pytest

from alexnet_tf.config import by_layer
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
    ],
)
def test_a_table_names_every_layers_number(text, expected):
    table = by_layer.parse_table(text, LAYERS, 1, "optimizer.rate_factors")
    assert table == dict(zip(LAYERS, expected, strict=True))


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("fc9=1", "there is no layer 'fc9'.*Did you mean 'fc8'"),
        ("fc8=fast", "'fast' is no number"),
        ("fc8=-1", "'-1' is no number; it is a number, 0 or more"),
        ("fc8=nan", "'nan' is no number"),
        ("fc8=", "'' is no number"),
    ],
)
def test_what_cannot_be_read_is_said(text, sentence):
    with pytest.raises(errors.UserError, match=sentence) as e:
        by_layer.parse_table(text, LAYERS, 1, "optimizer.rate_factors")
    assert str(e.value).startswith("config.optimizer.rate_factors: the entry")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
