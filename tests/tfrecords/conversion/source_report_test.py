"""What is said of a source before its conversion begins."""

import sys

import numpy as np
import pytest

from tests.tfrecords import drawn_source
from tfrecords import errors
from tfrecords.console import worker_pool
from tfrecords.conversion import convert, plan, source_report


def make_source(remarks=(), **labels):
    source = drawn_source.DrawnSource({split: len(n) for split, n in labels.items()})
    for split, numbers in labels.items():
        object.__setattr__(source.splits[split], "labels", np.array(numbers, np.int32))
    source.remarks = remarks
    return source


def test_counts_come_first_then_remarks_then_what_the_counts_show():
    source = make_source(("Said.",), train=[0, 1, 2] * 4, validation=[0, 0, 2])
    assert source_report.describe_source(source) == [
        "train: 12 images of 3 classes, 4 in each class",
        "validation: 3 images of 2 classes, 0 to 2 in each class",
        "Note: Said.",
        "Note: 1 of 3 classes have no validation images, n1 among them.",
    ]


@pytest.mark.parametrize(
    ("counts", "named"), [((10, 20, 99), None), ((10, 20, 100), "100 .*n0 10")]
)
def test_classes_that_differ_much_in_size_are_named(counts, named):
    source = make_source(train=np.repeat([0, 1, 2], counts))
    notes = source_report.find_notes(source)
    assert len(notes) == (named is not None)
    if named:
        with pytest.raises(errors.UserError, match="n2 has 100 training images, n0 10"):
            source_report.refuse_notes(source)
    else:
        source_report.refuse_notes(source)


def test_a_single_class_is_noted_before_training_refuses_it():
    source = make_source(train=[0, 0])
    source.classes = source.classes[:1]
    (note,) = source_report.find_notes(source)
    assert "one class" in note and source.classes[0].synset in note


def test_the_notes_are_printed_before_the_workers_start(tmp_path, monkeypatch, capsys):
    class Started(Exception):
        pass

    def start(*arguments):
        raise Started

    monkeypatch.setattr(worker_pool, "WorkerPool", start)
    source = make_source(("Decisive.",), train=[0, 1, 2], validation=[0, 1])
    with pytest.raises(Started):
        convert.convert(source, str(tmp_path), plan.ConvertSettings(image_size=32), 1)
    printed = capsys.readouterr().out
    assert "Decisive." in printed
    assert "1 of 3 classes have no validation images" in printed


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
