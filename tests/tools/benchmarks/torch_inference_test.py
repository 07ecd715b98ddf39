"""PyTorch is asked for the images that ours is asked for."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests import optional
from tools.benchmarks import inference_contestants, materials, torch_inference

optional.require(__name__, "torch", "PyTorch is not installed")


def test_its_view_is_ours(tmp_path):
    paths = materials.draw_photographs(str(tmp_path), 2)
    encoded = inference_contestants.read_files(paths)
    ours = inference_contestants.make_pixels(encoded, 224)
    theirs = np.concatenate([torch_inference.read_view(one, 224) for one in encoded])
    assert ours.shape == theirs.shape == (2, 224, 224, 3)
    # Two libraries' filters on noise differ by a few grey levels, another crop by more.
    assert np.abs(ours - theirs).mean() < 4
    assert np.abs(ours[:, 4:] - theirs[:, :-4]).mean() > 8


@pytest.mark.slow
@pytest.mark.parametrize("how", ["eager", "jit"])
def test_it_answers(tmp_path, how):
    paths = materials.draw_photographs(str(tmp_path), 2)
    call = torch_inference.network(paths, 3, "mixed_bfloat16", how, True, 7)
    answer = call()
    assert {kind: len(seconds) for kind, seconds in answer.items()} == {
        "bytes": 2,
        "pixels": 2,
        "batch": 1,
    }


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
