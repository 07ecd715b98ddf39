"""A row of the table of predictions, and PyTorch beside the same images."""

from __future__ import annotations

import io
import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from tfrecords.images import resize
from tools.benchmarks import fixtures, inference


def test_percentiles_over_all_rounds_and_the_rate_of_batches():
    rounds = [
        {"bytes": [0.001, 0.002], "pixels": [0.010, 0.010], "batch": [2.0]},
        {"bytes": [0.003, 0.005], "pixels": [0.010, 0.030], "batch": [4.0]},
        {"bytes": [0.004], "pixels": [0.010], "batch": [2.5]},
    ]
    row = inference.summarize_answers(rounds, batch_size=10)
    # Five images: the 99th percentile lies 0.96 of the way from the fourth to the
    # fifth.
    assert row == pytest.approx((3.0, 4.96, 10.0, 29.2, 10 / 2.5, 80.0))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"model.width": 0.5}, False), ({"data.crop_size": 67}, False)],
)
def test_baselines_have_only_the_papers_network(changes, expected):
    config = overrides.override(Config(), changes)
    record = {"config": overrides.to_dict(config)}
    assert inference.is_paper_size(record) == expected


def test_pytorch_sees_the_centre_view_of_an_image(tmp_path):
    for path in fixtures.get_photographs(None, str(tmp_path), 2):
        data = pathlib.Path(path).read_bytes()
        square = resize.resize_and_crop(np.asarray(Image.open(io.BytesIO(data))))
        ours = square[16:240, 16:240].astype(np.float32)[np.newaxis]
        theirs = inference.read_view(data, 224)
        assert ours.shape == theirs.shape == (1, 224, 224, 3)
        # Two filters differ by a few grey levels on noise, another crop by more.
        assert np.abs(ours - theirs).mean() < 4
        assert np.abs(ours[:, 4:] - theirs[:, :-4]).mean() > 8


@pytest.mark.slow
@pytest.mark.parametrize("how", ["eager", "jit"])
def test_pytorch_classifies(tmp_path, how):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    paths = fixtures.get_photographs(None, str(tmp_path), 2)
    files = [pathlib.Path(path).read_bytes() for path in paths]
    call = inference.classify_with_torch(files, 3, "mixed_bfloat16", 7, how, True)
    counts = {kind: len(seconds) for kind, seconds in call().items()}
    assert counts == {"bytes": 2, "pixels": 2, "batch": 1}


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
