"""Which names and labels of other programs' shards make sense."""

import sys

import pytest

from tfrecords import errors
from tfrecords.shards.manifest import ClassInfo, ShardInfo, SplitInfo
from tfrecords.verification import foreign_shards

NAMES = {1: ClassInfo("n1", "one"), 2: ClassInfo("n2", "two")}


def touch(directory, *names):
    for name in names:
        (directory / name).write_bytes(b"")
    return str(directory)


def test_shards_are_found_and_sorted(tmp_path):
    touch(tmp_path, "val-00000-of-00001", "train-00001-of-00002", "notes.txt")
    touch(tmp_path, "train-00000-of-00002", "test-00000-of-00001", "train-0-of-2")
    found = foreign_shards.find_shards(str(tmp_path))
    assert list(found.items()) == [
        ("train", ("train-00000-of-00002", "train-00001-of-00002")),
        ("validation", ("val-00000-of-00001",)),
        ("test", ("test-00000-of-00001",)),
    ]


def test_missing_shards_and_directories(tmp_path):
    with pytest.raises(errors.UserError, match="there is no directory"):
        foreign_shards.find_shards(str(tmp_path / "none"))
    with pytest.raises(errors.UserError, match="has no training shards"):
        foreign_shards.find_shards(touch(tmp_path, "val-00000-of-00001"))
    touch(tmp_path, "train-00000-of-00004", "train-00002-of-00004")
    with pytest.raises(errors.UserError, match=r"lacks 2 of 4 .*train-00001-of-00004"):
        foreign_shards.find_shards(str(tmp_path))


@pytest.mark.parametrize("other", ["val-00000-of-00001", "validation-00000-of-00002"])
def test_two_sets_of_one_split(tmp_path, other):
    touch(tmp_path, "train-00000-of-00001", "validation-00000-of-00001", other)
    with pytest.raises(errors.UserError, match="two sets of shards of the split val"):
        foreign_shards.find_shards(str(tmp_path))


def test_shards_without_bytes_are_named(tmp_path):
    names = [f"train-{shard:05d}-of-00008" for shard in range(8)]
    touch(tmp_path, *names)
    (tmp_path / names[1]).write_bytes(b"x")
    with pytest.raises(errors.DataError, match=f"7 shards .*: {names[0]}, {names[2]}"):
        foreign_shards.refuse_empty(str(tmp_path), {"train": names})
    foreign_shards.refuse_empty(str(tmp_path), {"train": names[1:2]})


@pytest.mark.parametrize(
    ("counts", "named"), [([10, 9, 5], None), ([10, 10, 4, 3], "s3 has 3"), ([0], None)]
)
def test_short_shards_are_noted(counts, named):
    shards = tuple(ShardInfo(f"s{i}", n, 1, "") for i, n in enumerate(counts))
    notes = foreign_shards.find_short({"train": SplitInfo(shards, ())})
    assert len(notes) == (named is not None)
    assert all(named in note for note in notes)


def make(train, names=(NAMES,), label_offset=1, **others):
    counts = {"train": [dict.fromkeys(train, 1)], **others}
    return foreign_shards.make_classes(counts, names, label_offset)


def test_classes_in_the_order_of_labels():
    assert make([2, 1]) == (NAMES[1], NAMES[2])
    # Other programs may leave names out, in some records or in all.
    assert make([1, 2], [{1: ClassInfo("", "")}, {1: ClassInfo("n1", "one")}]) == (
        ClassInfo("n1", "one"),
        ClassInfo("label-0002", "label-0002"),
    )
    assert make([1], [{1: ClassInfo("n1", "b")}, {1: ClassInfo("n1", "a")}]) == (
        ClassInfo("n1", "a"),
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": []}, "no records"),
        ({"train": [1, 2], "label_offset": 0}, "above .*=0.*--label_offset=1"),
        ({"train": [0, 1], "label_offset": 1}, "below .*=1.*--label_offset=0"),
        ({"train": [-1, 0], "label_offset": 0}, "lowest label .* is -1, below"),
        ({"train": [1, 3]}, "2 labels between 1 and 3"),
        ({"train": [1, 2**40]}, "without gaps"),
        ({"train": [1, 2], "validation": [{3: 1}]}, "validation has the label 3"),
        ({"train": [1, 2], "validation": [{0: 1}]}, "validation has the label 0"),
        (
            {"train": [1, 2], "names": [NAMES, {1: ClassInfo("n9", "")}]},
            "label 1 has two synsets, 'n1' and 'n9'",
        ),
        (
            {"train": [1, 2], "names": [{1: NAMES[1], 2: NAMES[1]}]},
            "labels 1 and 2 .* 'n1'",
        ),
    ],
)
def test_labels_that_make_no_sense(arguments, message):
    with pytest.raises(errors.UserError, match=message):
        make(**arguments)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
