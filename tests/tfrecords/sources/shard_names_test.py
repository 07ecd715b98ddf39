import re
import sys

import pytest

from tfrecords import errors
from tfrecords.sources import shard_names

TOTAL = re.compile(r"(?P<split>[a-z]+)-(?P<number>\d+)-of-(?P<total>\d+)(-\w+)?")
OPEN = re.compile(r"(.*-)?(?P<split>train|val)-(?P<number>\d+)")


def find(names, pattern):
    return shard_names.find_parts(names, pattern, "folder")


def test_parts_are_in_the_order_of_their_numbers_and_train_is_first():
    names = ["val-0-of-1", "train-10-of-11", *(f"train-{i}-of-11" for i in range(10))]
    found = find([*names, "readme.md", "extra-0-of-1"], TOTAL)
    assert list(found) == ["train", "validation"]
    assert found["train"] == [f"train-{i}-of-11" for i in range(11)]
    # Without a total, numbers may begin at 1.
    assert find(["train-2", "train-1"], OPEN) == {"train": ["train-1", "train-2"]}
    assert find(["readme.md"], TOTAL) == {}


@pytest.mark.parametrize(
    ("names", "pattern", "sentence"),
    [
        (["train-0-of-3"], TOTAL, "lacks 2 files of 3 .* number 1, and train-0-of-3"),
        (["train-0", "train-2"], OPEN, "lacks 1 file of 3 .* number 1"),
        (["train-2", "train-3"], OPEN, "lacks 2 files of 4 .* number 0"),
        (["train-0-of-1", "train-0-of-2"], TOTAL, "2 series"),
        (["a-train-0", "b-train-0"], OPEN, "2 series of files for the split train"),
        (["train-0-of-1-a", "train-0-of-1-b"], TOTAL, "part 0 .* twice"),
        (["val-0"], OPEN, "none of the training split"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(names, pattern, sentence):
    with pytest.raises(errors.UserError, match=sentence):
        find(names, pattern)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
