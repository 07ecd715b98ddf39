"""Inputs of other programs: they read the records, and crop and mirror them."""

from __future__ import annotations

import importlib.util
import io
import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

from tests import data_directories
from tfrecords.shards import manifest, record_index
from tools.benchmarks import fixtures, input_baselines


@pytest.fixture
def shards(tmp_path):
    data_directories.write_data_directory(tmp_path, num_classes=2, per_class=5)
    return str(tmp_path)


def test_lengths_reach_from_record_to_record(shards, tmp_path):
    index = record_index.read_index(shards, manifest.read_manifest(shards), "train")
    folder = tmp_path / "indices"
    folder.mkdir()
    paths = input_baselines.write_dali_indices(index, str(folder))
    assert len(paths) == 2
    for path, shard in zip(paths, index.paths, strict=True):
        text = pathlib.Path(path).read_text(encoding="utf-8")
        lines = [tuple(map(int, line.split())) for line in text.splitlines()]
        end = 0
        for offset, length in lines:
            assert offset == end
            end += length
        assert len(lines) == 5 and end == pathlib.Path(shard).stat().st_size


@pytest.mark.parametrize("is_finished", [False, True])
@pytest.mark.parametrize("decodes_crop", [False, True])
def test_dali_reads_the_records(shards, decodes_crop, is_finished):
    pytest.importorskip("nvidia.dali", reason="NVIDIA DALI is not installed")
    next(input_baselines.dali(shards, 4, 67, decodes_crop, is_finished))


@pytest.mark.skipif(
    importlib.util.find_spec("nvidia") is not None, reason="DALI may be installed"
)
def test_without_dali_its_package_is_named(shards):
    with pytest.raises(ModuleNotFoundError) as caught:
        next(input_baselines.dali(shards, 4, 67, False, False))
    assert caught.value.name == "nvidia.dali"


def test_pytorch_batches_are_crops_less_the_mean(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    data_directories.write_data_directory(tmp_path, num_classes=2, per_class=2)
    batches = input_baselines.TorchBatches(str(tmp_path), batch_size=6, crop_size=250)
    images, labels = batches[0]
    assert images.shape == (6, 3, 250, 250) and images.dtype == torch.float32
    held = fixtures.read_encoded(str(tmp_path), 4)
    originals = [np.asarray(Image.open(io.BytesIO(data.image_bytes))) for data in held]
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
        assert held[matches[0]].label == labels[row]
    # Four images in six places: each is there before any is there twice.
    assert sorted(np.bincount(labels.numpy()).tolist()) in ([2, 4], [3, 3])


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
