"""A run's data summary round-trips; data of other classes is refused."""

import json
import sys

import numpy as np
import pytest

from alexnet_tf.runs import data_summary
from tfrecords import errors
from tfrecords.shards import manifest, statistics

CLASSES = (manifest.ClassInfo("n1", "tench"), manifest.ClassInfo("n2", "café"))


def make_statistics(level):
    accumulator = statistics.Accumulator(256)
    accumulator.add(np.full([256, 256, 3], level, np.uint8))
    return accumulator.compute()


def test_round_trip_and_the_first_start_counts(tmp_path):
    data_summary.save(str(tmp_path), make_statistics(7), CLASSES)
    data_summary.save(str(tmp_path), make_statistics(9), CLASSES[:1])
    kept = data_summary.load(str(tmp_path))
    assert kept.classes == CLASSES
    assert (kept.statistics.mean_image == 7).all()


@pytest.mark.parametrize("content", [None, "{", '[{"synset": "a"}]', "[1]"])
def test_missing_or_damaged_classes_are_reported(tmp_path, content):
    data_summary.save(str(tmp_path), make_statistics(7), CLASSES)
    path = tmp_path / "training_data" / "classes.json"
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(errors.DataError, match=r"classes\.json is (damaged|missing)"):
        data_summary.load(str(tmp_path))


def test_missing_statistics_are_reported(tmp_path):
    with pytest.raises(errors.DataError, match=r"statistics\.npz is missing"):
        data_summary.load(str(tmp_path))


def test_classes_are_compared_by_label(tmp_path):
    data_summary.save(str(tmp_path), make_statistics(7), CLASSES)
    kept = data_summary.load(str(tmp_path))
    # Texts may differ; the synset identifies a class.
    renamed = tuple(manifest.ClassInfo(c.synset, "other words") for c in CLASSES)
    data_summary.check_classes(kept, renamed, "d")
    with pytest.raises(errors.UserError, match=r"label 0 is 'n1' .*'n2' in d"):
        data_summary.check_classes(kept, CLASSES[::-1], "d")
    with pytest.raises(errors.UserError, match=r"2 classes, .* d has 1"):
        data_summary.check_classes(kept, CLASSES[:1], "d")


def test_numbered_classes_are_told_how_to_get_names(tmp_path):
    numbered = data_summary.number_classes(2)
    data_summary.save(str(tmp_path), make_statistics(7), numbered)
    kept = data_summary.load(str(tmp_path))
    data_summary.check_classes(kept, numbered, "d")
    with pytest.raises(errors.UserError, match=r"'0000' .*'n1' in d.*--classes=d\."):
        data_summary.check_classes(kept, CLASSES, "d")


def test_the_file_says_what_it_says(tmp_path):
    data_summary.save(str(tmp_path), make_statistics(7), CLASSES)
    text = (tmp_path / "training_data" / "classes.json").read_text()
    assert json.loads(text)[1] == {"synset": "n2", "text": "café"}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
