import sys

import numpy as np
import pytest

from tfrecords import errors
from tfrecords.sources import stored, validation_split


def make_table(labels, first=0):
    builder = stored.TableBuilder()
    names = [b"%03d" % (first + i) for i in range(len(labels))]
    builder.add(names, labels, 0, range(len(labels)), [1] * len(labels))
    return builder.build()


def test_a_part_of_each_class_is_held_out():
    # Classes that are not neighbours in the table.
    train = make_table([0, 1] * 8 + [2])
    splits, settings, remarks = validation_split.hold_out(
        {"train": train}, ["a", "b", "c"], 0.3, 7
    )
    counts = {name: np.bincount(t.labels, minlength=3) for name, t in splits.items()}
    # 0.3 * 8, rounded down; a class of one image keeps it.
    assert counts["validation"].tolist() == [2, 2, 0]
    assert counts["train"].tolist() == [6, 6, 1]
    names = [set(table.filenames.tolist()) for table in splits.values()]
    assert not names[0] & names[1]
    assert names[0] | names[1] == set(train.filenames.tolist())
    assert settings == {"validation_fraction": 0.3, "seed": 7} and remarks == []
    again = validation_split.hold_out({"train": train}, ["a", "b", "c"], 0.3, 7)[0]
    other = validation_split.hold_out({"train": train}, ["a", "b", "c"], 0.3, 8)[0]
    chosen = [s["validation"].filenames.tolist() for s in (splits, again, other)]
    assert chosen[0] == chosen[1] != chosen[2]


def test_without_a_fraction_a_missing_split_is_noted():
    splits = {"train": make_table([0])}
    assert validation_split.hold_out(splits, ["a"], None, 0) == (
        splits,
        {},
        [validation_split.NO_VALIDATION],
    )
    splits["validation"] = make_table([0])
    assert validation_split.hold_out(splits, ["a"], None, 0) == (splits, {}, [])


def test_fractions_that_do_not_fit_are_refused():
    splits = {"train": make_table([0, 0, 0])}
    for fraction, sentence in ((1.5, "between 0 and 1"), (0.1, "rounded down")):
        with pytest.raises(errors.UserError, match=sentence):
            validation_split.hold_out(splits, ["a"], fraction, 0)
    splits["validation"] = make_table([0])
    with pytest.raises(errors.UserError, match="a validation split of 1 images"):
        validation_split.hold_out(splits, ["a"], 0.5, 0)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
