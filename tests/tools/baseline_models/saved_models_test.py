"""Answers that are kept, under a name that says what they were made from."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest

from tests import data_directories, optional
from tfrecords import errors

optional.require(__name__, "skimage", "the extra baselines is not installed")
optional.require(__name__, "sklearn", "the extra baselines is not installed")

from tools.baseline_models import (  # noqa: E402
    classifier,
    images,
    models,
    saved_models,
    training,
)


def test_other_settings_or_data_are_other_files(tmp_path):
    options = training.Options(0, 300, 1, 3.0)
    several = [
        options,
        dataclasses.replace(options, seed=1),
        dataclasses.replace(options, num_descriptors=301),
    ]
    listed = [*models.list_models(8, 2), *models.list_models(9, 3)]
    paths = set()
    for seed in (0, 1):
        data_dir = tmp_path / str(seed)
        data_directories.write_data_directory(data_dir, per_class=5, seed=seed)
        splits = images.open_splits(str(data_dir))
        for model in listed:
            for option in several:
                paths.add(saved_models.find_path("m", model, splits, option))
            # These change no answer.
            same = dataclasses.replace(options, num_workers=2, max_memory_gb=1.0)
            assert saved_models.find_path("m", model, splits, same) in paths
    assert len(paths) == 2 * len(listed) * len(several)


def test_what_was_saved_is_loaded(tmp_path):
    model = models.list_models(8, 2)[0]
    choice = classifier.Choice(5.0, {1.0: 0.5, 5.0: 0.25})
    probabilities = np.array([[0.25, 0.75]], np.float32)
    trained = training.Trained(model, 7, choice, probabilities, 1.5)
    path = str(tmp_path / "a.npz")
    assert saved_models.load(path, model) is None
    saved_models.save(path, trained)
    loaded = saved_models.load(path, model)
    np.testing.assert_array_equal(loaded.probabilities, probabilities)
    assert dataclasses.replace(loaded, probabilities=probabilities) == trained
    (tmp_path / "a.npz").write_bytes(b"PK")
    with pytest.raises(errors.DataError, match=r"a\.npz"):
        saved_models.load(path, model)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
