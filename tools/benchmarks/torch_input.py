"""A PyTorch DataLoader with Pillow as a contestant, on the same records.

At its best: a worker for every core makes whole batches, so that a batch is handed over
once, and casts them to float32 in one go.
"""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
from PIL import Image

from tfrecords.shards import manifest, record_index, record_reader, schema
from tools.benchmarks.input_contestants import Call, take


class Batches:
    """A map-style data set of batches: float32 [B, 3, crop, crop], int64 [B].

    Args:
      data_dir: JPEG shards.
      batch_size: images of an item.
      crop_size: pixels.
    """

    def __init__(self, data_dir: str, batch_size: int, crop_size: int):
        info = manifest.read_manifest(data_dir)
        self._index = record_index.read_index(data_dir, info, "train")
        self._reader: record_reader.RecordReader | None = None
        self._batch_size, self._crop_size = batch_size, crop_size
        self._order = np.random.default_rng(0).permutation(self._index.num_records)

    def __len__(self) -> int:
        return 10**9

    def __getitem__(self, number: int) -> tuple:
        import torch

        if self._reader is None:
            self._reader = record_reader.RecordReader(self._index)
        generator = np.random.default_rng(number)
        size = self._crop_size
        images = np.empty((self._batch_size, size, size, 3), np.uint8)
        labels = np.empty(self._batch_size, np.int64)
        for row in range(self._batch_size):
            position = (number * self._batch_size + row) % len(self._order)
            record = schema.decode_record(self._reader.read(int(self._order[position])))
            with Image.open(io.BytesIO(record.image_bytes)) as image:
                # Pillow decodes when the pixels are asked for.
                whole = np.asarray(image)
            top, left = (
                generator.integers(0, side - size + 1) for side in whole.shape[:2]
            )
            crop = whole[top : top + size, left : left + size]
            images[row] = crop[:, ::-1] if generator.integers(2) else crop
            labels[row] = record.label
        mean = torch.tensor([123.0, 117.0, 104.0])
        batch = torch.from_numpy(images).to(torch.float32).sub_(mean)
        # The view is PyTorch's channels_last layout.
        return batch.permute(0, 3, 1, 2), torch.from_numpy(labels)


def loader(
    data_dir: str, batch_size: int, batches_per_call: int, crop_size: int
) -> Call:
    """Batches from as many workers as there are cores."""
    from torch.utils import data

    # Whatever has a length and items will do, PyTorch says.
    dataset: Any = Batches(data_dir, batch_size, crop_size)
    batches: Any = data.DataLoader(
        dataset,
        batch_size=None,
        num_workers=os.cpu_count() or 1,
        prefetch_factor=2,
        persistent_workers=True,
    )
    return take(batches, batches_per_call)
