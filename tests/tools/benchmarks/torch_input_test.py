"""The loader's batches are crops of the records' images, mirrored or not."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image

from tests import data_directories, optional
from tools.benchmarks import materials, torch_input

torch = optional.require(__name__, "torch", "PyTorch is not installed")


def test_batches_are_crops_less_the_mean(tmp_path):
    data_directories.write_data_directory(tmp_path, num_classes=2, per_class=2)
    batches = torch_input.Batches(str(tmp_path), batch_size=6, crop_size=250)
    images, labels = batches[0]
    assert images.shape == (6, 3, 250, 250) and images.dtype == torch.float32
    held = materials.read_encoded(str(tmp_path), 4)
    originals = [np.asarray(Image.open(io.BytesIO(data))) for data in held.images]
    restored = images.permute(0, 2, 3, 1).numpy() + np.float32([123, 117, 104])
    for row in range(6):
        matches = [
            number
            for number, image in enumerate(originals)
            for top in range(7)
            for left in range(7)
            for step in (1, -1)
            if np.allclose(
                image[top : top + 250, left : left + 250][:, ::step],
                restored[row],
                atol=0.01,
            )
        ]
        assert len(set(matches)) == 1
        assert held.labels[matches[0]] == labels[row]
    # Four images in six places: each is there before any is there twice.
    assert sorted(np.bincount(labels.numpy()).tolist()) in ([2, 4], [3, 3])


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
