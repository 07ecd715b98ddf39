"""One model trained on few images."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest

from tests import data_directories, optional
from tfrecords import errors

optional.require(__name__, "skimage", "the extra baselines is not installed")
optional.require(__name__, "sklearn", "the extra baselines is not installed")

from tools.baseline_models import images, models, training  # noqa: E402

OPTIONS = training.Options(0, 300, 1, 3.0)
COLOURS = models.list_models(8, 2)[4]


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class=5)
    return images.open_splits(str(path))


def test_equal_seeds_give_equal_answers(splits):
    first, second, other = (
        training.train(COLOURS, splits, dataclasses.replace(OPTIONS, seed=seed), "one")
        for seed in (0, 0, 1)
    )
    assert first.probabilities.shape == (10, 2)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    assert not np.array_equal(first.probabilities, other.probabilities)


def test_the_validation_images_choose_nothing(splits, monkeypatch):
    """Whatever they are, the penalty and its errors are the same."""
    expected = training.train(COLOURS, splits, OPTIONS, "one")
    others = dataclasses.replace(splits, validation=splits.train)
    found = training.train(COLOURS, others, OPTIONS, "one")
    assert found.choice == expected.choice
    assert len(found.probabilities) == len(splits.train)


def test_too_much_memory_is_refused(splits):
    options = dataclasses.replace(OPTIONS, max_memory_gb=1e-6)
    with pytest.raises(errors.UserError, match=r"20 images.*--max_memory_gb"):
        training.train(COLOURS, splits, options, "one")


def test_a_single_class_is_refused(tmp_path):
    data_directories.write_data_directory(tmp_path, num_classes=1, per_class=5)
    splits = images.open_splits(str(tmp_path))
    with pytest.raises(errors.UserError, match="two classes"):
        training.train(COLOURS, splits, OPTIONS, "one")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
