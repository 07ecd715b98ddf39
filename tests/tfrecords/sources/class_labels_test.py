import sys

import numpy as np
import pytest

from tfrecords import errors
from tfrecords.sources import class_labels

WHERE = {split: f"{split}.csv" for split in ("train", "validation", "test")}


def test_numbers_are_sorted_as_numbers_and_names_as_names():
    classes, labels = class_labels.number_classes(
        {"train": ["10", "9", "10"], "validation": ["9"]}, WHERE
    )
    assert [c.synset for c in classes] == ["9", "10"]
    assert labels["train"].tolist() == [1, 0, 1] and labels["validation"].tolist() == [
        0
    ]
    assert labels["train"].dtype == np.int32
    classes, _ = class_labels.number_classes({"train": ["10", "9", "a"]}, WHERE)
    assert [c.synset for c in classes] == ["10", "9", "a"]


def test_only_a_whole_test_split_may_be_without_classes():
    _, labels = class_labels.number_classes({"train": ["a"], "test": ["", ""]}, WHERE)
    assert labels["test"].tolist() == [-1, -1]
    for values in ({"train": ["a"], "test": ["a", ""]}, {"train": ["a", ""]}):
        with pytest.raises(errors.UserError, match="images without a class"):
            class_labels.number_classes(values, WHERE)


def test_every_class_needs_training_images():
    values = {"train": ["a"], "validation": ["b"]}
    with pytest.raises(errors.UserError, match=r"validation\.csv has the class 'b'"):
        class_labels.number_classes(values, WHERE)


def test_ids_of_classes_are_unique():
    classes = class_labels.name_classes(["crane", "dog", "crane"])
    assert [c.synset for c in classes] == ["crane (0)", "dog", "crane (2)"]
    assert [c.text for c in classes] == ["crane", "dog", "crane"]


@pytest.mark.parametrize(
    ("labels", "split", "wrong"),
    [
        ([0, 1, 2], "train", None),
        ([-1, -1], "test", None),
        ([-1, -1], "train", 0),
        ([0, -1], "test", 1),
        ([0, 3], "train", 1),
    ],
)
def test_labels_out_of_range_are_named(labels, split, wrong):
    places = [f"row {i} of a.parquet" for i in range(len(labels))]
    arguments = (np.array(labels), 3, split, places)
    if wrong is None:
        class_labels.check_labels(*arguments)
    else:
        sentence = rf"row {wrong} of a\.parquet has the label {labels[wrong]}; the 3 "
        with pytest.raises(errors.DataError, match=sentence):
            class_labels.check_labels(*arguments)


def test_ids_of_classes_are_unique_whatever_their_names():
    classes = class_labels.name_classes(["a", "a", "a (0)"])
    assert [c.synset for c in classes] == ["a (0) (0)", "a (1)", "a (0)"]
    assert [c.text for c in classes] == ["a", "a", "a (0)"]


def test_a_name_that_is_no_utf8_is_refused():
    class_labels.check_names(["a", "\u00e9"], "the file")
    with pytest.raises(errors.UserError, match=r"the file has the class '\\ud800'"):
        class_labels.number_classes({"train": ["a", "\ud800"]}, {"train": "the file"})


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
