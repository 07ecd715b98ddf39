"""Tests of `alexnet_tf.tune.space`: names, ranges and the values drawn from them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.tune import space
from alexnet_tf.tune.space import Range
from tfrecords import errors


def parse(*entries):
    return space.parse_space(entries, Config())


def test_the_papers_group_is_what_the_paper_chose():
    names = [entry.name for entry in parse("paper")]
    assert names == [
        "model.normalization_bias",
        "model.normalization_radius",
        "model.normalization_alpha",
        "model.normalization_beta",
        "optimizer.learning_rate",
    ]


def test_every_known_range_is_valid_and_reads_itself():
    """Where the paper gives a value, the range holds it."""
    paper = overrides.to_dict(Config())
    for text in space.list_known():
        (entry,) = parse(text)
        name = text.partition("=")[0]
        assert parse(name) == (entry,)
        assert f"{name}={entry.describe()}" == text
        if entry.values:
            assert paper[name] in entry.values
        else:
            assert entry.low <= paper[name] <= entry.high


def test_ranges_of_ones_own():
    assert parse(
        "learning_rate=0.001..0.1:log", "normalization_radius=1..3", "batch_size=8|16"
    ) == (
        Range("optimizer.learning_rate", 0.001, 0.1, is_log=True),
        Range("model.normalization_radius", 1, 3),
        Range("batch_size", values=(8, 16)),
    )
    assert parse("data.mirror=true|false") == (
        Range("data.mirror", values=(True, False)),
    )
    assert parse("model.activation=relu|tanh|relu")[0].values == ("relu", "tanh")


def test_a_later_entry_replaces_the_earlier_ones_range():
    entries = parse("paper", "normalization_beta=0.5..1")
    assert len(entries) == 5
    assert entries[3] == Range("model.normalization_beta", 0.5, 1.0)


@pytest.mark.parametrize(
    "entry, fact",
    [
        ("learning_rat", "Did you mean 'optimizer.learning_rate'?"),
        ("papr", "Did you mean 'paper'?"),
        ("xyz=1..2", "no one setting 'xyz'"),
        ("batch_size=8..4", "below the second"),
        ("batch_size=4..4", "below the second"),
        ("batch_size=0..4", "at least 1"),
        ("batch_size=2.5..4", "a whole number; '2.5'"),
        ("batch_size=8..", "a whole number; ''"),
        ("batch_size=8..16:linear", "LOW..HIGH:log"),
        ("weight_decay=0..0.1:log", "above 0"),
        ("dropout_rate=0..1", "below 1"),
        ("batch_size=8", "nothing to choose"),
        ("batch_size=8|8", "nothing to choose"),
        ("batch_size=", "nothing to choose"),
        ("activation=relu..tanh", "A|B|C"),
        ("activation=relu|tan", "Did you mean 'tanh'?"),
        ("data.crop_size", "no default range for 'data.crop_size'"),
        ("num_epochs=1..5", "cannot be searched"),
        ("devices=CPU:0|GPU:0", "cannot be searched"),
        ("experiment=alexnet|sample", "cannot be searched"),
    ],
)
def test_a_wrong_entry_is_refused_with_the_reason(entry, fact):
    with pytest.raises(errors.UserError) as caught:
        parse(entry)
    assert fact in str(caught.value)


def test_an_empty_space_is_refused():
    with pytest.raises(errors.UserError, match="nothing to search"):
        parse()


def test_values_survive_float32():
    """KerasTuner sends float32 to other processes: both sides train the same run."""
    entries = parse(
        "learning_rate",
        "batch_size",
        "bias_rate_factor=0.1|0.3",
        "mirror=true|false",
        "normalization_radius",
    )
    drawn = {
        "optimizer.learning_rate": 0.0123456789,
        "batch_size": "64",
        "optimizer.bias_rate_factor": "0.3",
        "data.mirror": "false",
        "model.normalization_radius": 3,
    }
    sent = {
        name: float(np.float32(value)) if isinstance(value, float) else value
        for name, value in drawn.items()
    }
    assert sent != drawn
    values = space.make_values(entries, drawn)
    assert values == space.make_values(entries, sent)
    assert values == {
        "optimizer.learning_rate": 0.01235,
        "batch_size": 64,
        "optimizer.bias_rate_factor": 0.3,
        "data.mirror": False,
        "model.normalization_radius": 3,
    }
    overrides.override(Config(), values)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
