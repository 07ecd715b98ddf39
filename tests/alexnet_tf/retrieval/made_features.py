"""Features without a network, and a small run to compute some with."""

from __future__ import annotations

import os
import pathlib
import tarfile

import numpy as np

from alexnet_tf.retrieval import feature_files
from tfrecords.shards import manifest

_GOLDEN = pathlib.Path(__file__).parents[2] / "golden"

CLASSES = tuple(manifest.ClassInfo(f"n{k}", f"class {k}") for k in range(4))


def make_source(num_images: int, num_features: int, block_rows: int):
    """What `write` records: the split "train" of data that are nowhere."""
    return feature_files.Source(
        layer="fc7",
        split="train",
        data_dir="nowhere",
        data_fingerprint="f",
        num_folds=0,
        fold=0,
        fraction=1.0,
        crop_size=224,
        network="runs/one",
        is_untrained=False,
        classes=CLASSES,
        num_images=num_images,
        num_features=num_features,
        block_rows=block_rows,
    )


def write(
    path: os.PathLike[str],
    vectors: np.ndarray,
    labels: np.ndarray | None = None,
    block_rows: int = 5,
    probe: np.ndarray | None = None,
) -> feature_files.Features:
    """Writes and opens features of `vectors`, float32 [N, D], and labels [N]."""
    os.makedirs(path, exist_ok=True)
    path = os.fspath(path)
    count, size = vectors.shape
    source = make_source(count, size, block_rows)
    labels = np.arange(count) % len(CLASSES) if labels is None else labels
    probe = np.ones(size) if probe is None else probe
    probe_path = os.path.join(path, feature_files.PROBE_NAME)
    feature_files.save_array(probe_path, probe.astype(np.float32))
    for block in range(source.num_blocks):
        rows = slice(block * block_rows, (block + 1) * block_rows)
        feature_files.save_array(
            feature_files.get_labels_path(path, block), labels[rows].astype(np.int32)
        )
        feature_files.save_array(
            feature_files.get_block_path(path, block), vectors[rows].astype(np.float32)
        )
    for name in (feature_files.BUILD_NAME, feature_files.RECORD_NAME):
        feature_files.write_source(path, name, source)
    return feature_files.open_features(path)


def extract_golden(folder: pathlib.Path) -> pathlib.Path:
    """Puts a small `run`, its `data_jpeg` and `images` into `folder`."""
    for name in ("data_jpeg", "run"):
        with tarfile.open(_GOLDEN / f"{name}.tar.xz") as archive:
            archive.extractall(folder, filter="data")
    return folder
