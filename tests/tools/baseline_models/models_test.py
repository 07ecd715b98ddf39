"""The list of models."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from tests import optional

optional.require(__name__, "skimage", "the extra baselines is not installed")
optional.require(__name__, "sklearn", "the extra baselines is not installed")

from tools.baseline_models import comparison, models  # noqa: E402


def test_six_and_two_models_with_their_rows_in_the_paper():
    listed = models.list_models(5, 3)
    systems = [model.system for model in listed]
    assert systems == [models.SPARSE_CODING] * 6 + [models.FISHER_VECTORS] * 2
    assert {*systems, comparison.OURS} == set(comparison.PAPER)
    assert {model.settings.num_atoms for model in listed[:6]} == {5}
    assert {model.settings.num_modes for model in listed[6:]} == {3}


@pytest.mark.parametrize("number", range(8))
def test_descriptors_fit_the_pyramid_and_the_processes(number):
    model = pickle.loads(pickle.dumps(models.list_models(5, 3)[number]))
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    grids = model.sample(image)
    assert len({grid.shape[-1] for grid in grids}) == 1
    finest = max(max(level) for level in model.settings.pyramid)
    assert all(min(grid.shape[:2]) >= finest for grid in grids)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
